// The browser's client: typed events, rooms and a queue on top of one connection.

import { ControlEvent, type Envelope, type RoomAck, type ServerEvents } from "../events.js";
import { Connection } from "./connection.js";
import { RealtimeClientError, throwLater } from "./error.js";
import { Listeners } from "./listeners.js";
import { Rooms } from "./rooms.js";
import type { ConnectionStatus, Unsubscribe, WebSocketClientOptions } from "./types.js";

const QUEUE_LIMIT = 100;
const LINGER = 5000;
const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

/** A client of the real-time server. It can be made anywhere, also while a page renders on the server; nothing connects before `connect`. */
export class WebSocketClient {
  /** How long the connection outlives its last user, in ms. */
  readonly linger: number;
  readonly #connection: Connection;
  readonly #listeners = new Listeners();
  readonly #rooms: Rooms;
  readonly #queueLimit: number;
  #queue: Array<{ type: string; args: Envelope[] }> = [];
  #explicit = false;
  #stopped = false;
  #holders = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WebSocketClientOptions = {}) {
    this.linger = options.linger ?? LINGER;
    this.#queueLimit = options.queueLimit ?? QUEUE_LIMIT;
    this.#rooms = new Rooms({
      isConnected: () => this.isConnected(),
      request: (event, roomId, done) => this.#request(event, roomId, done),
      refused: (roomId, { code, error }) =>
        this.#listeners.dispatch(ControlEvent.Error, { code, error: `Room ${roomId} was not joined again: ${error}` }),
    });
    this.#connection = new Connection(options, {
      connected: () => {
        this.#rooms.connected();
        for (const { type, args } of this.#queue.splice(0)) this.#send(type, args);
      },
      disconnected: () => this.#rooms.disconnected(),
      event: (type, payload) => this.#listeners.dispatch(type, isEnvelope(payload, type) ? payload.data : payload),
    });
  }

  /** Connects, and stays connected until `disconnect`; while waiting to reconnect, it tries at once. Does nothing where there is no `window`. */
  connect(): void {
    this.#explicit = true;
    this.#stopped = false;
    this.#connection.open(true);
  }

  /** Disconnects at once, whoever uses the connection; only `connect` ends that. Listeners, rooms and queued events are kept for it. */
  disconnect(): void {
    this.#explicit = false;
    this.#stopped = true;
    this.#connection.close();
  }

  /**
   * Connects, and stays connected until `linger` ms after the result was called by the last holder. The hooks use it. It does not undo
   * `disconnect`.
   */
  retain(): Unsubscribe {
    this.#holders++;
    clearTimeout(this.#idle);
    if (!this.#stopped) this.#connection.open(false);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#holders > 0) return;
      this.#idle = setTimeout(() => {
        if (!this.#explicit) this.#connection.close();
      }, this.linger);
    };
  }

  /** Calls `listener` with the data of each event named `type`; an event that is not in the envelope is handed over as it is. */
  on<K extends keyof ServerEvents>(type: K, listener: (data: ServerEvents[K]) => void): Unsubscribe;
  on<T = unknown>(type: string, listener: (data: T) => void): Unsubscribe;
  on(type: string, listener: (data: never) => void): Unsubscribe {
    return this.#listeners.add(type, listener as (data: unknown) => void);
  }

  /** Takes `listener` off the event `type`. */
  off(type: string, listener: (data: never) => void): void {
    this.#listeners.remove(type, listener as (data: unknown) => void);
  }

  /** Calls `listener` at once with the status, and again at each change. */
  onStatusChange(listener: (status: ConnectionStatus) => void): Unsubscribe {
    return this.#connection.onStatusChange(listener);
  }

  /**
   * Sends `data` in the envelope, or nothing but the name if there is no `data`. Without a connection the event waits for the next one;
   * `ERR_QUEUE_FULL` when too many wait, `ERR_RESERVED_EVENT` for a name that Socket.IO keeps for itself.
   */
  emit(type: string, data?: unknown): void {
    if (RESERVED.has(type)) throw new RealtimeClientError("ERR_RESERVED_EVENT", `"${type}" is a reserved event name`);
    const args = data === undefined ? [] : [envelope(type, data)];
    if (this.isConnected()) {
      this.#connection.live?.emit(type, ...args);
      return;
    }
    if (this.#queue.length >= this.#queueLimit) {
      const message = `Cannot queue "${type}": ${this.#queueLimit} events already wait for a connection`;
      throw new RealtimeClientError("ERR_QUEUE_FULL", message);
    }
    this.#queue.push({ type, args });
  }

  /**
   * Joins a room, now or once connected, and again after each reconnect, until every caller has left it. The answer comes when the
   * server has decided, or when the room is left before; it never rejects. A refusal after a reconnect arrives as an `error` event.
   */
  joinRoom(roomId: string): Promise<RoomAck> {
    return this.#rooms.join(roomId);
  }

  /** Takes back one `joinRoom`; the last one leaves the room. */
  leaveRoom(roomId: string): Promise<RoomAck> {
    return this.#rooms.leave(roomId);
  }

  /** The status; the same object until it changes. */
  getStatus(): ConnectionStatus {
    return this.#connection.status;
  }

  isConnected(): boolean {
    return this.#connection.live !== undefined;
  }

  #send(type: string, args: Envelope[]): void {
    try {
      this.#connection.live?.emit(type, ...args);
    } catch (error) {
      throwLater(error);
    }
  }

  #request(event: string, roomId: string, done: (ack: RoomAck | null) => void): void {
    const socket = this.#connection.live;
    if (!socket) {
      done(null);
      return;
    }
    const connection = socket.id;
    socket
      .timeout(this.#connection.timeout)
      .emit(event, envelope(event, { roomId }), (failed: unknown, ack: unknown) => {
        if (socket.id !== connection) done(null);
        else if (failed) done({ ok: false, code: "ERR_TIMEOUT", error: `The server did not answer ${event} in time` });
        else done(toAck(ack));
      });
  }
}

function envelope(type: string, data: unknown): Envelope {
  return { type, data, timestamp: new Date().toISOString() };
}

function isEnvelope(payload: unknown, type: string): payload is Envelope {
  return (
    typeof payload === "object" && payload !== null && "data" in payload && "type" in payload && payload.type === type
  );
}

// A handler of the application's own may acknowledge with anything: only a clear no is a refusal.
function toAck(ack: unknown): RoomAck {
  const { ok, code, error } = (ack ?? {}) as { ok?: unknown; code?: unknown; error?: unknown };
  if (ok !== false) return { ok: true };
  return { ok, code: String(code ?? "ERR_REFUSED"), error: String(error ?? "The server refused") };
}
