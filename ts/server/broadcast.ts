// Emits to many sockets at once. Immutable: each modifier gives a new operator.

import { acrossCopies } from "./across-copies.js";
import { engineOf } from "./engine.js";
import { refuseMembers, unsupported } from "./errors.js";
import type { Namespace } from "./namespace.js";
import { checkPolicy, type Policy } from "./policies.js";
import { checkEventName, type EmitFlags, type Rooms, roomList } from "./socket-types.js";
import type { Any, DefaultEventsMap, EventNames, EventParams, EventsMap } from "./typed-events.js";

const NO_ROOMS: readonly string[] = [];
const NO_FLAGS: EmitFlags = {};

/** The sockets of a namespace that are in some rooms and not in others. */
export class BroadcastOperator<EmitEvents extends EventsMap = DefaultEventsMap> {
  readonly #nsp: Namespace<Any, Any, Any, Any>;
  readonly #rooms: readonly string[];
  readonly #except: readonly string[];
  readonly #flags: EmitFlags;

  constructor(
    nsp: Namespace<Any, Any, Any, Any>,
    rooms: readonly string[] = NO_ROOMS,
    except: readonly string[] = NO_ROOMS,
    flags: EmitFlags = NO_FLAGS,
  ) {
    this.#nsp = nsp;
    this.#rooms = rooms;
    this.#except = except;
    this.#flags = flags;
  }

  #with(flags: EmitFlags): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, { ...this.#flags, ...flags });
  }

  /** Also to these rooms; a socket in several gets an event once. */
  to(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, added(this.#rooms, room), this.#except, this.#flags);
  }

  /** The same as `to`. */
  in(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.to(room);
  }

  /** Not to sockets in these rooms. */
  except(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator(this.#nsp, this.#rooms, added(this.#except, room), this.#flags);
  }

  /** Without effect: messages are not compressed one by one. */
  compress(_compress: boolean): BroadcastOperator<EmitEvents> {
    return this.#with({});
  }

  /** The event is dropped for clients that cannot take it right now. */
  get volatile(): BroadcastOperator<EmitEvents> {
    return this.#with({ volatile: true });
  }

  /** The event may wait for others to the same room: they leave together, in order, after `batch.window` at most. */
  get batched(): BroadcastOperator<EmitEvents> {
    return this.#with({ batch: true });
  }

  /**
   * What may happen to the event when a client reads too slowly and its outbox is full: `"latest"`, it goes when a newer
   * one with the same `key` waits; `"gap"`, the oldest go, and the client gets a `gap` event that says how many; `"close"`,
   * nothing, the client is disconnected instead. Without it the option `policies` decides by the event's name.
   */
  policy(policy: Policy, key = ""): BroadcastOperator<EmitEvents> {
    return this.#with({ policy: checkPolicy("policy", policy), key: String(key) });
  }

  /** Without effect: there is one process. */
  get local(): BroadcastOperator<EmitEvents> {
    return this.#with({});
  }

  /** Time for acknowledgements; these are not supported for broadcasts, so it has no effect. */
  timeout(timeout: number): BroadcastOperator<EmitEvents> {
    return this.#with({ timeout });
  }

  /** Emits; always true. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    checkEventName(event);
    if (typeof args.at(-1) === "function") unsupported("an acknowledgement of a broadcast", "ask each socket");
    this.#nsp._broadcast(this.#rooms as string[], this.#except as string[], this.#flags, [event, ...args]);
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

acrossCopies(BroadcastOperator, "BroadcastOperator");

function added(rooms: readonly string[], more: Rooms): readonly string[] {
  if (rooms.length === 0 && typeof more === "string") return [more];
  return [...new Set([...rooms, ...roomList(more)])];
}

refuseMembers(BroadcastOperator.prototype, "BroadcastOperator", {
  emitWithAck: "ask each socket",
  fetchSockets: "use namespace.sockets",
  allSockets: "use namespace.sockets",
  serverSideEmit: "there is one process",
});
