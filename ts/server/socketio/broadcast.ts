// Emits to many sockets at once. Immutable: each modifier gives a new operator.

import { engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import { checkPolicy, type Policy } from "../options/policies.js";
import type {
  Any,
  DecorateAcknowledgements,
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  TypedEventBroadcaster,
} from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import type { Native } from "../process/binding.js";
import { refuseMembers, rejectMembers, unsupported } from "../process/errors.js";
import { warnOnce } from "../process/registry.js";
import type { Audience } from "./audience.js";
import type { Socket } from "./socket.js";
import { checkEventName, type Rooms, roomList } from "./socket-types.js";

const NOBODY: readonly string[] = [];
const NO_FLAGS: EmitFlags = {};

/** The sockets of a namespace that are in some rooms and not in others. */
export class BroadcastOperator<EmitEvents extends EventsMap = DefaultEventsMap, SocketData = Any>
  implements TypedEventBroadcaster<EmitEvents>
{
  readonly #nsp: Audience;
  /** Undefined: everybody. Empty: nobody, for `to([])` names no room. */
  readonly #rooms: readonly string[] | undefined;
  readonly #except: readonly string[];
  readonly #flags: EmitFlags;

  constructor(
    nsp: Audience,
    rooms?: readonly string[],
    except: readonly string[] = NOBODY,
    flags: EmitFlags = NO_FLAGS,
  ) {
    this.#nsp = nsp;
    this.#rooms = rooms;
    this.#except = except;
    this.#flags = flags;
  }

  #with(flags: EmitFlags): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#nsp, this.#rooms, this.#except, { ...this.#flags, ...flags });
  }

  /** Also to these rooms; a socket in several gets an event once. An empty list is nobody, with one warning. */
  to(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    const rooms = added(this.#rooms ?? NOBODY, room);
    if (rooms.length === 0) warnOfNobody();
    return new BroadcastOperator(this.#nsp, rooms, this.#except, this.#flags);
  }

  /** The same as `to`. */
  in(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room);
  }

  /** Not to sockets in these rooms. */
  except(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#nsp, this.#rooms, added(this.#except, room), this.#flags);
  }

  /** Without effect: messages are not compressed one by one. */
  compress(_compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({});
  }

  /** The event is dropped for clients that cannot take it right now. */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ volatile: true });
  }

  /** The event may wait for others to the same room: they leave together, in order, after `batch.window` at most. */
  get batched(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ batch: true });
  }

  /**
   * What may happen to the event when a client reads too slowly and its outbox is full: `"latest"`, it goes when a newer
   * one with the same `key` waits; `"gap"`, the oldest go, and the client gets a `gap` event that says how many; `"close"`,
   * nothing, the client is disconnected instead. Without it the option `policies` decides by the event's name.
   */
  policy(policy: Policy, key = ""): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ policy: checkPolicy("policy", policy), key: String(key) });
  }

  /** Without effect: there is one process. */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({});
  }

  /** Time for acknowledgements; these are not supported for broadcasts, so it has no effect. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.#with({ timeout }) as unknown as BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  }

  /** Emits; always true. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    checkEventName(event);
    if (typeof args.at(-1) === "function") unsupported("an acknowledgement of a broadcast", "ask each socket");
    const rooms = this.#rooms ?? NOBODY;
    if (rooms !== this.#rooms || rooms.length > 0) {
      this.#nsp._broadcast(rooms as string[], this.#except as string[], this.#flags, [event, ...args]);
    }
    return true;
  }

  /** These sockets, of those that JavaScript knows: see `Namespace.sockets`. */
  async fetchSockets(): Promise<Array<Socket<Any, EmitEvents, Any, SocketData>>> {
    return this.#nsp._fetch(this.#rooms, this.#except);
  }

  /** Makes these sockets join. */
  socketsJoin(room: Rooms): void {
    this.#change((native, ...those) => native.socketsJoin(...those, roomList(room)));
  }

  /** Makes these sockets leave. */
  socketsLeave(room: Rooms): void {
    this.#change((native, ...those) => native.socketsLeave(...those, roomList(room)));
  }

  /** Disconnects these sockets; with `close` their whole connections. */
  disconnectSockets(close = false): void {
    this.#change((native, ...those) => native.disconnectSockets(...those, close));
  }

  #change(act: (native: Native, server: number, nsp: string, rooms: string[], except: string[]) => void): void {
    const engine = engineOf(this.#nsp.server);
    if (!engine || this.#rooms?.length === 0) return;
    act(engine.native, engine.id, this.#nsp.name, [...(this.#rooms ?? NOBODY)], [...this.#except]);
  }
}

acrossCopies(BroadcastOperator, "BroadcastOperator");

function added(rooms: readonly string[], more: Rooms): readonly string[] {
  if (rooms.length === 0 && typeof more === "string") return [more];
  return [...new Set([...rooms, ...roomList(more)])];
}

function warnOfNobody(): void {
  warnOnce(
    "NSELF_EMPTY_TARGET",
    "to([]) names no room, so nobody gets the event; socket.io sends it to everybody. This is said once.",
  );
}

refuseMembers(BroadcastOperator.prototype, "BroadcastOperator", { serverSideEmit: "there is one process" });
rejectMembers(BroadcastOperator.prototype, "BroadcastOperator", {
  emitWithAck: "ask each socket",
  allSockets: "use fetchSockets",
});
