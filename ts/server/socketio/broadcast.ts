// Emits to many sockets at once. Immutable: each modifier gives a new operator.

import type { Answered } from "../engine/asking.js";
import { engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import { checkPolicy, type Policy } from "../options/policies.js";
import type {
  AllButLast,
  Any,
  DecorateAcknowledgements,
  DefaultEventsMap,
  EventNames,
  EventNamesWithError,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  TypedEventBroadcaster,
} from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import type { Native } from "../process/binding.js";
import { refuseMembers } from "../process/errors.js";
import { warnOnce } from "../process/registry.js";
import type { Ack } from "./acks.js";
import type { Audience } from "./audience.js";
import type { RemoteSocket } from "./remote-socket.js";
import { checkEventName, type Rooms, roomList } from "./socket-types.js";

const NOBODY: readonly string[] = [];
const NO_FLAGS: EmitFlags = {};

/** The sockets of a namespace that are in some rooms and not in others. */
export class BroadcastOperator<EmitEvents extends EventsMap = DefaultEventsMap, SocketData = Any>
  implements TypedEventBroadcaster<EmitEvents>
{
  readonly #nsp: Audience;
  /** None: everybody. */
  readonly #rooms: readonly string[];
  /** `to([])` names no room: not everybody, but nobody. */
  readonly #isNobody: boolean;
  readonly #except: readonly string[];
  readonly #flags: EmitFlags;

  constructor(
    nsp: Audience,
    rooms?: readonly string[],
    except: readonly string[] = NOBODY,
    flags: EmitFlags = NO_FLAGS,
  ) {
    this.#nsp = nsp;
    this.#rooms = rooms ?? NOBODY;
    this.#isNobody = rooms?.length === 0;
    this.#except = except;
    this.#flags = flags;
  }

  /** Its rooms. @internal */
  get rooms(): ReadonlySet<string> {
    return new Set(this.#rooms);
  }

  /** @internal */
  get exceptRooms(): ReadonlySet<string> {
    return new Set(this.#except);
  }

  /** @internal */
  get flags(): Readonly<EmitFlags> {
    return this.#flags;
  }

  #with(flags: EmitFlags): BroadcastOperator<EmitEvents, SocketData> {
    return this.#like(this.#except, { ...this.#flags, ...flags });
  }

  #like(except: readonly string[], flags: EmitFlags): BroadcastOperator<EmitEvents, SocketData> {
    const rooms = this.#rooms.length > 0 || this.#isNobody ? this.#rooms : undefined;
    return new BroadcastOperator(this.#nsp, rooms, except, flags);
  }

  /** Also to these rooms; a socket in several gets an event once. An empty list is nobody, with one warning. */
  to(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    const rooms = added(this.#rooms, room);
    if (rooms.length === 0) warnOfNobody();
    return new BroadcastOperator(this.#nsp, rooms, this.#except, this.#flags);
  }

  /** The same as `to`. */
  in(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room);
  }

  /** Not to sockets in these rooms. */
  except(room: Rooms): BroadcastOperator<EmitEvents, SocketData> {
    return this.#like(added(this.#except, room), this.#flags);
  }

  /** Without effect: messages are not compressed one by one. */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ compress });
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
    return this.#with({ local: true });
  }

  /** Time for acknowledgements, in ms; without it a callback of `emit` has one millisecond, as in Socket.IO. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.#with({ timeout }) as unknown as BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  }

  /**
   * Emits; always true. A function as last argument gets an error, or null, and the list of what clients acknowledged: when
   * all have, or with an error when the time is over, then of those that have.
   */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    checkEventName(event);
    const packet: unknown[] = [event, ...args];
    const ack = packet.at(-1);
    if (typeof ack === "function") {
      packet.pop();
      this.#ask(packet, ack as Ack);
    } else if (!this.#isNobody) {
      this.#nsp._broadcast(this.#rooms as string[], this.#except as string[], this.#flags, packet);
    }
    return true;
  }

  /** Emits and waits for what clients acknowledge; when the time is over it rejects with an error that has them as `responses`. */
  emitWithAck<E extends EventNamesWithError<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventParams<EmitEvents, E>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, E>>>> {
    return new Promise((resolve, reject) => {
      const ack = (error: Error | null, responses: Any) => {
        if (error) reject(Object.assign(error, { responses }));
        else resolve(responses);
      };
      this.emit(event, ...([...args, ack] as unknown as EventParams<EmitEvents, E>));
    });
  }

  /** The ids of these sockets. */
  async allSockets(): Promise<Set<string>> {
    return new Set(this.#isNobody ? [] : this.#nsp._ids(this.#rooms as string[], this.#except as string[]));
  }

  /** These sockets: each that JavaScript knows as its own object, the others as they are now. */
  async fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.#isNobody ? [] : this.#nsp._fetch(this.#rooms as string[], this.#except as string[]);
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
    if (!engine || this.#isNobody) return;
    act(engine.native, engine.id, this.#nsp.name, [...this.#rooms], [...this.#except]);
  }

  #ask(packet: unknown[], ack: Ack): void {
    const { single } = this.#flags;
    const done: Answered = (whole, answers) => {
      if (whole) ack.call(this, null, single ? answers[0] : answers);
      else ack.call(this, new Error("operation has timed out"), single ? null : answers);
    };
    if (this.#isNobody) process.nextTick(done, true, []);
    else this.#nsp._ask([...this.#rooms], [...this.#except], this.#flags, packet, done);
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

refuseMembers(BroadcastOperator.prototype, "BroadcastOperator", { serverSideEmit: "use the namespace's" });
