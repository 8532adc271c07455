// Plain types around sockets: reasons, rooms, names of events.

import { RESERVED_EVENTS } from "../options/handshake.js";
import type { Any } from "../options/typed-events.js";
import { show } from "../process/arguments.js";
import { RealtimeError, unsupported } from "../process/errors.js";

export type DisconnectReason =
  | "transport error"
  | "transport close"
  | "forced close"
  | "ping timeout"
  | "parse error"
  | "slow client"
  | "stale client"
  | "internal error"
  | "server shutting down"
  | "forced server close"
  | "client namespace disconnect"
  | "server namespace disconnect";

/** Events of a socket that no client can send. */
export interface SocketReservedEventsMap {
  disconnect: (reason: DisconnectReason, description?: Any) => void;
  disconnecting: (reason: DisconnectReason, description?: Any) => void;
  error: (error: Error) => void;
}

/** An error of a middleware; `data` is sent to the client with its message. */
export interface ExtendedError extends Error {
  data?: Any;
}

/** One room or several. */
export type Rooms = string | string[];

export function roomList(rooms: Rooms): string[] {
  return Array.isArray(rooms) ? rooms.map(roomName) : [roomName(rooms)];
}

/** A list in a list must not become the name that it holds. */
function roomName(room: unknown): string {
  if ((typeof room === "object" && room !== null) || typeof room === "function") {
    unsupported(`a room that is ${show(room)}`, "rooms have names");
  }
  return String(room);
}

/** Throws, as Socket.IO does, if an event may not have this name; and if it has none, for a client that gets that hangs up. */
export function checkEventName(event: unknown): void {
  if (typeof event !== "string" && typeof event !== "number") {
    throw new RealtimeError("ERR_INVALID_EVENT", `the name of an event must be a string, not ${show(event)}`);
  }
  if (RESERVED_EVENTS.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
}
