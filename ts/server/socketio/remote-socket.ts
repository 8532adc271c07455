// A socket that has no object in JavaScript, as `fetchSockets` gives it.

import type { ConnectInfo, Handshake } from "../options/handshake.js";
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
import type { Audience } from "./audience.js";
import { BroadcastOperator } from "./broadcast.js";
import type { Rooms } from "./socket-types.js";

/** A socket as it was when it was fetched, and what can be done to it from outside. */
export class RemoteSocket<EmitEvents extends EventsMap = DefaultEventsMap, SocketData = Any>
  implements TypedEventBroadcaster<EmitEvents>
{
  readonly id: string;
  readonly handshake: Handshake;
  readonly rooms: Set<string>;
  readonly data: SocketData;
  readonly #operator: BroadcastOperator<EmitEvents, SocketData>;

  /** Made by `fetchSockets`. */
  constructor(
    nsp: Audience,
    found: { readonly id: string; readonly rooms: string[] },
    info: ConnectInfo,
    data: unknown,
  ) {
    this.id = found.id;
    this.handshake = { ...info.handshake, auth: info.auth ?? {} };
    this.rooms = new Set(found.rooms);
    this.data = { ...(data as object) } as SocketData;
    this.#operator = new BroadcastOperator(nsp, [found.id], [], { single: true });
  }

  /** Time for the acknowledgement of the next emit, in ms. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.#operator.timeout(timeout);
  }

  /** Emits to this client; always true. */
  emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    return this.#operator.emit(event, ...args);
  }

  join(room: Rooms): void {
    this.#operator.socketsJoin(room);
  }

  leave(room: string): void {
    this.#operator.socketsLeave(room);
  }

  /** Disconnects it; with `close` its whole connection. */
  disconnect(close = false): this {
    this.#operator.disconnectSockets(close);
    return this;
  }
}

acrossCopies(RemoteSocket, "RemoteSocket");
