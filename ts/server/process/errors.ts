// The one error class of this package and the table of its codes.

import { acrossCopies } from "./across-copies.js";

/** Every code of `RealtimeError`, with what it means. Codes are stable; messages may change. */
export const ERROR_CODES = {
  ERR_NATIVE_MISSING: "the native binary for this platform is not installed or cannot be loaded",
  ERR_NATIVE_MISMATCH: "the native binary belongs to another version of this package",
  ERR_BUNDLED: "a bundler took this package in, and its native binary cannot be loaded from a bundle",
  ERR_NOT_NODE: "the server's entry points were used at the edge or in a browser",
  ERR_DUPLICATE: "two versions of this package are loaded in one process",
  ERR_INVALID_OPTION: "an option has a wrong type or is out of range",
  ERR_UNSUPPORTED_OPTION: "an option is unknown, or not supported yet",
  ERR_UNSUPPORTED: "a Socket.IO method that is not supported yet",
  ERR_INVALID_EVENT: "the data of an event does not fit its type, or cannot be written as JSON",
  ERR_INVALID_ROOM: "a room name is not allowed",
  ERR_RATE_LIMITED: "a client sends more events than it may",
  ERR_ALREADY_ATTACHED: "the real-time server of this process already runs elsewhere",
  ERR_ALREADY_OPEN: "another thread of this process opened the real-time server",
  ERR_NOT_RUNNING: "no real-time server runs in this process",
  ERR_SERVER_CLOSED: "the server is closed",
  ERR_LISTEN: "the port cannot be opened",
  ERR_TAKEOVER: "a socket could not be taken over from Node",
  ERR_THREADS: "the system has no thread to give",
  ERR_INVALID_TICKET: "a ticket cannot be made of these values; to a client: its ticket is not valid",
  ERR_NO_TICKET_KEYS: "tickets need the option `tickets`",
  ERR_TICKET_EXPIRED: "to a client: its ticket has expired",
  ERR_UNAUTHORIZED: "to a client: it may not connect",
  ERR_AUTHENTICATION: "to a client: authenticate failed",
  ERR_AUTHENTICATION_TIMEOUT: "to a client: authenticate did not answer in time",
  ERR_SESSION_ENDED: "to a client: its session has ended",
  ERR_ANOTHER_USER: "to a client: its connection is another user's",
  ERR_BUSY:
    "to a client: too many others are connecting; of a method that looks at all clients: the server did not answer in time",
  ERR_FORBIDDEN: "to a client: it may not join this room",
  ERR_TOO_MANY_ROOMS: "to a client: its socket, or the server, has as many rooms as it may have",
  ERR_ROOM_LEFT: "to a client: it left a room before it had joined it",
  ERR_INVALID_ARGUMENT: "an argument has a wrong type or value",
  ERR_INTERNAL: "a fault of this package: please report it, with the message",
} as const;

/** An error with a stable `code`, `ERR_…`. */
export class RealtimeError extends Error {
  override readonly name = "RealtimeError";
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

acrossCopies(RealtimeError, "RealtimeError");

/** A panic of the native side. */
const PANIC = "GenericFailure";

/**
 * An error that a function of the native side threw. It carries our code, or that of N-API, if any: of a panic, or of an
 * argument of a wrong type.
 */
export function toRealtimeError(error: unknown): unknown {
  if (error instanceof RealtimeError || !(error instanceof Error)) return error;
  const { code = error instanceof TypeError ? "" : undefined } = error as { code?: unknown };
  if (typeof code !== "string") return error;
  const own = code.startsWith("ERR_") ? code : code === PANIC ? "ERR_INTERNAL" : "ERR_INVALID_ARGUMENT";
  return new RealtimeError(own, error.message, { cause: error });
}

/** Throws in the name of something Socket.IO has and this package has not. */
export function unsupported(what: string, instead?: string): never {
  throw new RealtimeError("ERR_UNSUPPORTED", `${what} is not supported${instead ? `: ${instead}` : ""}`);
}

/** The same for methods that give promises: these are rejected. */
export function rejectMembers(prototype: object, owner: string, members: Record<string, string>): void {
  for (const [name, instead] of Object.entries(members)) {
    const value = async () => unsupported(`${owner}.${name}`, instead);
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
}

/** Makes each name on `prototype` throw ERR_UNSUPPORTED when read or set, so that nothing is silently undefined. */
export function refuseMembers(prototype: object, owner: string, members: Record<string, string | undefined>): void {
  for (const [name, instead] of Object.entries(members)) {
    const refuse = () => unsupported(`${owner}.${name}`, instead);
    Object.defineProperty(prototype, name, { get: refuse, set: refuse, configurable: true });
  }
}
