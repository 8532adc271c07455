// The handle of the process's one real-time server. It holds nothing: losing it changes nothing, and it works in any
// copy of this package and in any thread of the process.

import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { DataOf, EventType } from "../../events.js";
import { verdict } from "../gate/selftest.js";
import type { RealtimeOptions } from "../options/options.js";
import { acrossCopies } from "../process/across-copies.js";
import { name, oneRoom, someRooms } from "../process/arguments.js";
import { binding } from "../process/binding.js";
import { RealtimeError } from "../process/errors.js";
import { eventLoopDelay } from "../process/loop-delay.js";
import { eventLoopMetrics, type ShutdownReport, type Stats, type Takeover, takeoverMetrics } from "../process/stats.js";
import type { Server } from "../socketio/server.js";
import { emitEnvelope } from "./emit-event.js";
import { addProducer, type Produce, type ProducerOptions } from "./producers.js";
import { attach, watchRooms } from "./realtime.js";
import { NOT_RUNNING, running, serverId } from "./running.js";

declare module "../process/registry.js" {
  interface Registry {
    /** The one handle that getWebSocketServer() gives. */
    handle?: WebSocketServer;
  }
}

/** One connected socket. Times are ISO 8601. */
export interface PresenceEntry {
  userId: string | null;
  socketId: string;
  rooms: string[];
  connectedAt: string;
  lastSeen: string;
}

export class WebSocketServer {
  /** Opens the server on the port of an HTTP server: the same as `attach`. */
  initialize(httpServer: HttpServer | HttpsServer, options?: RealtimeOptions): this {
    attach(httpServer, options);
    return this;
  }

  /** Emits to a room, or to several. True when accepted for delivery; false, with one warning, when no server runs. */
  broadcastToRoom<T extends EventType>(room: string | string[], type: T, data: DataOf<T>): boolean {
    return emitEnvelope(type, data, { rooms: someRooms("room", room) }, null);
  }

  /** Emits to one socket. */
  emitToSocket<T extends EventType>(socketId: string, type: T, data: DataOf<T>): boolean {
    return emitEnvelope(type, data, { socketId: name("socketId", socketId) }, null);
  }

  /** Emits to everybody. */
  broadcast<T extends EventType>(type: T, data: DataOf<T>): boolean {
    return emitEnvelope(type, data, {}, null);
  }

  /** Emits to a room, or to several; events that follow each other closely leave together, in order. */
  batchEvent<T extends EventType>(room: string | string[], type: T, data: DataOf<T>): boolean {
    return emitEnvelope(type, data, { rooms: someRooms("room", room) }, true);
  }

  /** Who is connected. Throws ERR_NOT_RUNNING, ERR_BUSY. */
  getPresence(): PresenceEntry[] {
    return JSON.parse(binding().presence(serverId())) as PresenceEntry[];
  }

  /** The sockets of one user. Throws ERR_NOT_RUNNING, ERR_BUSY, ERR_INVALID_ARGUMENT. */
  getUserPresence(userId: string): PresenceEntry[] {
    return JSON.parse(binding().presence(serverId(), name("userId", userId))) as PresenceEntry[];
  }

  /**
   * The sockets in a room, each with that room alone: what else they are in is not told. Throws ERR_NOT_RUNNING,
   * ERR_BUSY, ERR_INVALID_ROOM.
   */
  getRoomPresence(room: string): PresenceEntry[] {
    return JSON.parse(binding().presence(serverId(), undefined, oneRoom("room", room))) as PresenceEntry[];
  }

  /** Ids of the sockets in a room. Throws ERR_NOT_RUNNING, ERR_BUSY, ERR_INVALID_ROOM. */
  getRoomMembers(room: string): string[] {
    return binding().roomMembers(serverId(), "/", oneRoom("room", room));
  }

  /**
   * Closes every connection of a user, in all namespaces; returns how many sockets that were. Who is being authenticated
   * at that moment is refused as soon as it is known to be this user. Throws ERR_NOT_RUNNING, ERR_BUSY,
   * ERR_INVALID_ARGUMENT.
   */
  disconnectUser(userId: string): number {
    return binding().disconnectUser(serverId(), name("userId", userId));
  }

  /**
   * The same for one session: that which `authenticate` returned as `session`. For a logout. Throws ERR_NOT_RUNNING,
   * ERR_BUSY, ERR_INVALID_ARGUMENT.
   */
  disconnectSession(session: string): number {
    return binding().disconnectSession(serverId(), name("session", session));
  }

  /** The Socket.IO server beneath. Throws ERR_NOT_RUNNING, also in a thread that did not open it. */
  getIO(): Server {
    const found = running();
    if (!found) throw new RealtimeError("ERR_NOT_RUNNING", `in this thread ${NOT_RUNNING}`);
    return found.io;
  }

  /** What the server counts, and what waits now. Throws ERR_NOT_RUNNING, ERR_BUSY. */
  stats(): Stats {
    const counted = JSON.parse(binding().stats(serverId())) as Stats;
    return { ...counted, eventLoopDelay: eventLoopDelay(), takeover: takeover() };
  }

  /** The same in the text form of Prometheus (`text/plain; version=0.0.4`). Throws ERR_NOT_RUNNING, ERR_BUSY. */
  metrics(): string {
    return binding().metrics(serverId()) + eventLoopMetrics() + takeoverMetrics(takeover());
  }

  /**
   * Runs a producer (a log tail, a poll of statistics) while somebody is in its room, and only then. `rooms` is a name, a
   * prefix that ends in `*`, or a regular expression; `produce(room)` is called when such a room gets its first member,
   * and what it returns when the last has left and nobody came back within `presence.grace`. It may be called before the
   * server runs, in the thread that opens it. Returns what takes the producer back.
   *
   * A second call for the same `rooms` and `name` takes the place of the first, as hot reloading calls again. Several
   * producers for the same rooms need names: `{ name: "stats" }`.
   *
   * For a prefix or an expression clients choose the name: check it before it becomes a path, a command or a query, and
   * let `authorizeJoin` say who may be in which room.
   */
  whileWatched(rooms: string | RegExp, produce: Produce, options?: ProducerOptions): () => void {
    const remove = addProducer(rooms, produce, options);
    const found = running();
    if (found) watchRooms(found);
    return remove;
  }

  /** The port, after `listen`; undefined otherwise. */
  get port(): number | undefined {
    return running()?.port;
  }

  /**
   * Sends what waits, closes every connection within `shutdownTimeout`, and stops. Resolves to what that came to; to null
   * if no server ran. The application's HTTP server goes on.
   */
  async shutdown(): Promise<ShutdownReport | null> {
    const found = running();
    if (found) return JSON.parse(await found.engine.close()) as ShutdownReport;
    const id = binding().nselfServer();
    // It belongs to another thread, which gets the events of it.
    return id === null ? null : (JSON.parse(binding().closeServerSync(id, 5000)) as ShutdownReport);
  }
}

acrossCopies(WebSocketServer, "WebSocketServer");

/** How the WebSockets of this thread's server are taken from Node. */
function takeover(): Takeover {
  return { ...verdict(), ...(running()?.engine.came ?? { taken: 0, piped: 0 }) };
}
