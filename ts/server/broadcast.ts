// Emits to many sockets at once. Immutable: each modifier gives a new operator.

import { engineOf } from "./engine.js";
import { refuseMembers, unsupported } from "./errors.js";
import type { Namespace } from "./namespace.js";
import { checkEventName, type EmitFlags, type Rooms, roomList } from "./socket-types.js";
import type { Any, DefaultEventsMap, EventNames, EventParams, EventsMap } from "./typed-events.js";

/** The sockets of a namespace that are in some rooms and not in others. */
export class BroadcastOperator<EmitEvents extends EventsMap = DefaultEventsMap> {
  readonly #nsp: Namespace<Any, Any, Any, Any>;
  readonly #rooms: ReadonlySet<string>;
  readonly #except: ReadonlySet<string>;
  readonly #flags: EmitFlags;

  constructor(
    nsp: Namespace<Any, Any, Any, Any>,
    rooms: Iterable<string> = [],
    except: Iterable<string> = [],
    flags: EmitFlags = {},
  ) {
    this.#nsp = nsp;
    this.#rooms = new Set(rooms);
    this.#except = new Set(except);
    this.#flags = flags;
  }

  /** Also to these rooms; a socket in several gets an event once. */
  to(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, [...this.#rooms, ...roomList(room)], this.#except, this.#flags);
  }

  /** The same as `to`. */
  in(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.to(room);
  }

  /** Not to sockets in these rooms. */
  except(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, [...this.#except, ...roomList(room)], this.#flags);
  }

  /** Without effect: messages are not compressed one by one. */
  compress(_compress: boolean): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, this.#flags);
  }

  /** The event is dropped for clients that cannot take it right now. */
  get volatile(): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, { ...this.#flags, volatile: true });
  }

  /** Without effect: there is one process. */
  get local(): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, this.#flags);
  }

  /** Time for acknowledgements; these are not supported for broadcasts, so it has no effect. */
  timeout(timeout: number): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, { ...this.#flags, timeout });
  }

  /** Emits; always true. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    checkEventName(event);
    if (typeof args.at(-1) === "function") unsupported("an acknowledgement of a broadcast", "ask each socket");
    this.#nsp._broadcast([...this.#rooms], [...this.#except], this.#flags, [event, ...args]);
    return true;
  }

  /** Makes these sockets join. */
  socketsJoin(room: Rooms): void {
    const engine = engineOf(this.#nsp.server);
    engine?.native.socketsJoin(engine.id, this.#nsp.name, [...this.#rooms], [...this.#except], roomList(room));
  }

  /** Makes these sockets leave. */
  socketsLeave(room: Rooms): void {
    const engine = engineOf(this.#nsp.server);
    engine?.native.socketsLeave(engine.id, this.#nsp.name, [...this.#rooms], [...this.#except], roomList(room));
  }

  /** Disconnects these sockets; with `close` their whole connections. */
  disconnectSockets(close = false): void {
    const engine = engineOf(this.#nsp.server);
    engine?.native.disconnectSockets(engine.id, this.#nsp.name, [...this.#rooms], [...this.#except], close);
  }
}

refuseMembers(BroadcastOperator.prototype, "BroadcastOperator", {
  emitWithAck: "ask each socket",
  fetchSockets: "use namespace.sockets",
  allSockets: "use namespace.sockets",
  serverSideEmit: "there is one process",
});
