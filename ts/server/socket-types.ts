// Plain types around sockets: reasons, handshake, what the native side says of a new one.

import type { IncomingHttpHeaders } from "node:http";
import type { ParsedUrlQuery } from "node:querystring";
import { show } from "./arguments.js";
import { RealtimeError, unsupported } from "./errors.js";
import type { Policy } from "./policies.js";
import type { Any } from "./typed-events.js";

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
export interface SocketReservedEvents {
  disconnect: (reason: DisconnectReason, description?: Any) => void;
  disconnecting: (reason: DisconnectReason, description?: Any) => void;
  error: (error: Error) => void;
}

/** Names that neither side can use for an event of its own. */
export const RESERVED_EVENTS: ReadonlySet<unknown> = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);

/** The request that began a connection. */
export interface Handshake {
  headers: IncomingHttpHeaders;
  /** Date of creation, as text. */
  time: string;
  /** The client's address. */
  address: string;
  /** Whether there was an Origin header. */
  xdomain: boolean;
  /** Whether it came over TLS. */
  secure: boolean;
  /** Date of creation, in ms since 1970. */
  issued: number;
  url: string;
  query: ParsedUrlQuery;
  /** What the client gave as `auth`. */
  auth: { [key: string]: Any };
}

/** What the native side says of a new socket. */
export interface ConnectInfo {
  id: string;
  nsp: string;
  /** The same for all sockets of one connection. */
  connection: string;
  /** It is settled who is behind the connection. */
  known?: boolean;
  auth?: { [key: string]: Any } | null;
  userId?: string | null;
  /** The client came back to a socket that it had. */
  recovered?: boolean;
  /** The socket that the client wants to come back to: it does if the user is the same. */
  session?: { id: string; userId: string | null };
  handshake: Omit<Handshake, "auth">;
}

/** An error of a middleware; `data` is sent to the client with its message. */
export interface ExtendedError extends Error {
  data?: Any;
}

/** Flags of the next emit. */
export interface EmitFlags {
  volatile?: boolean;
  timeout?: number;
  batch?: boolean;
  policy?: Policy;
  /** With policy "latest": of which events the newest stays. */
  key?: string;
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

/** Flags of the native side's `emit`. */
export const VOLATILE = 1;
const BATCH = 2;
const POLICY = { close: 4, gap: 8, latest: 16 };

/** The flags of an emit as the native side takes them. */
export function flagBits(flags: EmitFlags): number {
  return (
    (flags.volatile ? VOLATILE : 0) |
    (flags.batch ? BATCH : 0) |
    (flags.policy === undefined ? 0 : POLICY[flags.policy])
  );
}

/** Throws, as Socket.IO does, if an event may not have this name; and if it has none, for a client that gets that hangs up. */
export function checkEventName(event: unknown): void {
  if (typeof event !== "string" && typeof event !== "number") {
    throw new RealtimeError("ERR_INVALID_EVENT", `the name of an event must be a string, not ${show(event)}`);
  }
  if (RESERVED_EVENTS.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
}
