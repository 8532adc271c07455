// The request that began a connection, what the native side says of its sockets, and names that are taken.

import type { IncomingHttpHeaders } from "node:http";
import type { ParsedUrlQuery } from "node:querystring";
import type { Any } from "./typed-events.js";

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
  connection: number;
  /** The id of its Engine.IO session. */
  sid: string;
  /** How its packets travel at that moment. */
  transport: "polling" | "websocket";
  /** The name of its request, if that was kept. */
  token?: number | null;
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
