// Socket.IO's in-memory adapter, as far as it can be looked at: the rooms are in the native server.

import { engineOf } from "../engine/engine.js";
import type { Any, EventsMap } from "../options/typed-events.js";
import { refuseMembers } from "../process/errors.js";
import { HeardEmitter } from "../process/heard-emitter.js";
import type { Audience } from "./audience.js";
import { BroadcastOperator } from "./broadcast.js";
import { LiveMap, LiveSet } from "./live.js";
import type { RemoteSocket } from "./remote-socket.js";

/** Whom a method of an adapter is about: those in one of `rooms` (all, if there are none) and in none of `except`. */
export interface AdapterTargets {
  rooms: Set<string>;
  except?: Set<string>;
}

const STAYS = ["create-room", "delete-room", "join-room", "leave-room"];

/**
 * `namespace.adapter`. While somebody listens it emits `create-room` and `delete-room` (with the room), `join-room` and
 * `leave-room` (with the room and the socket's id), one turn of the event loop after it happened, or some.
 */
export class Adapter extends HeardEmitter {
  readonly nsp: Audience;
  /** The sockets of each room; each look reads it from the native server. */
  readonly rooms: Map<string, Set<string>>;
  /** The rooms of each socket, likewise. */
  readonly sids: Map<string, Set<string>>;
  /** Members of each room, as told so far, while somebody listens. */
  #counts: Map<string, number> | undefined;

  constructor(nsp: Audience) {
    super();
    this.nsp = nsp;
    this.rooms = new LiveMap(
      () => new Map(this.#table().map(([room, ids]) => [room, new Set(ids)])),
      (room) => {
        const members = () => this.#native(({ native, id }) => native.roomMembers(id, nsp.name, room)) ?? [];
        return members().length > 0 ? new LiveSet(members) : undefined;
      },
    );
    this.sids = new LiveMap(
      () => new Map(this.#find([]).map(({ id, rooms }) => [id, new Set(rooms)])),
      (id) => {
        const own = () => this.#find([id]).find((found) => found.id === id)?.rooms;
        return own() && new LiveSet(() => own() ?? []);
      },
    );
  }

  /** How many servers share the rooms: this one. */
  async serverCount(): Promise<number> {
    return 1;
  }

  /** The rooms of a socket. */
  socketRooms(id: string): Set<string> | undefined {
    return this.sids.get(id);
  }

  /** The ids of the sockets in any of `rooms`; all, if there are none. */
  async sockets(rooms: Set<string>): Promise<Set<string>> {
    return new Set(this.#find([...rooms]).map(({ id }) => id));
  }

  /** These sockets. */
  fetchSockets(targets: AdapterTargets): Promise<RemoteSocket<EventsMap, Any>[]> {
    return this.#those(targets).fetchSockets() as Promise<RemoteSocket<EventsMap, Any>[]>;
  }

  /** Makes these sockets join rooms. */
  addSockets(targets: AdapterTargets, rooms: string[]): void {
    this.#those(targets).socketsJoin(rooms);
  }

  /** Makes these sockets leave rooms. */
  delSockets(targets: AdapterTargets, rooms: string[]): void {
    this.#those(targets).socketsLeave(rooms);
  }

  /** Disconnects these sockets; with `close` their whole connections. */
  disconnectSockets(targets: AdapterTargets, close: boolean): void {
    this.#those(targets).disconnectSockets(close);
  }

  /** A server was opened. @internal */
  _opened(): void {
    this.#counts = undefined;
    this._heard();
  }

  /** A socket came into a room, or left it. @internal */
  _stay(room: string, id: string, joined: boolean): void {
    const counts = this.#counts;
    if (!counts) return;
    const before = counts.get(room) ?? 0;
    const after = Math.max(0, before + (joined ? 1 : -1));
    if (after === 0) counts.delete(room);
    else counts.set(room, after);
    if (joined && before === 0) this.emit("create-room", room);
    this.emit(joined ? "join-room" : "leave-room", room, id);
    if (!joined && after === 0) this.emit("delete-room", room);
  }

  /** Somebody listens, or no more: has the native side tell. @internal */
  protected override _heard(): void {
    const listens = STAYS.some((name) => this.listenerCount(name) > 0);
    if (listens === (this.#counts !== undefined)) return;
    const table = this.#native(({ native, id }) => native.watchStays(id, this.nsp.name, listens));
    const isTold = listens && table !== undefined;
    this.#counts = isTold ? new Map(parse(table).map(([room, ids]) => [room, ids.length])) : undefined;
  }

  #those({ rooms, except = new Set() }: AdapterTargets): BroadcastOperator {
    return new BroadcastOperator(this.nsp, rooms.size > 0 ? [...rooms] : undefined, [...except]);
  }

  #find(rooms: string[]) {
    return this.#native(({ native, id }) => native.findSockets(id, this.nsp.name, rooms, [], "rooms")) ?? [];
  }

  #table(): [string, string[]][] {
    return parse(this.#native(({ native, id }) => native.roomTable(id, this.nsp.name)) ?? "{}");
  }

  #native<T>(ask: (engine: NonNullable<ReturnType<typeof engineOf>>) => T): T | undefined {
    const engine = engineOf(this.nsp.server);
    return engine && ask(engine);
  }
}

const parse = (table: string): [string, string[]][] => Object.entries(JSON.parse(table) as Record<string, string[]>);

const native = "the native server does this itself";
refuseMembers(Adapter.prototype, "adapter", {
  init: native,
  close: native,
  addAll: "use socket.join",
  del: "use socket.leave",
  delAll: "use socket.leaveAll",
  broadcast: "use the namespace's emit",
  broadcastWithAck: "use the namespace's timeout(ms).emit with a callback",
  apply: "use fetchSockets",
  serverSideEmit: "use the namespace's",
  persistSession: native,
  restoreSession: native,
});
