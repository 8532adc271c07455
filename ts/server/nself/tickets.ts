// Room tickets: minted here, with the keys of the server; verified in Rust, while JavaScript may be busy.

import { binding } from "../process/binding.js";
import { RealtimeError } from "../process/errors.js";
import { serverId } from "./running.js";

/** What a ticket says. */
export interface TicketOptions {
  /** Who comes with it. */
  userId: string;
  /** Rooms that may be joined with it: names, or prefixes that end in `*`. Without it the ticket is about the user alone. */
  rooms?: string[];
  /** How long it is valid, in ms. The connection ends with it. */
  expiresIn: number;
}

/**
 * Mints a ticket, for a client that gives it as `auth: { ticket }`. To be called where the user is known, in a route for
 * example. Whoever has it is that user until it expires. Throws ERR_NOT_RUNNING; ERR_NO_TICKET_KEYS without the option
 * `tickets`; ERR_INVALID_TICKET, ERR_INVALID_ROOM.
 */
export function createTicket(options: TicketOptions): string {
  if (typeof options !== "object" || options === null) invalid("it is made of { userId, rooms?, expiresIn }");
  const { userId, rooms, expiresIn } = options;
  if (typeof userId !== "string" || userId === "") invalid("userId must be a string that is not empty");
  if (rooms !== undefined && !(Array.isArray(rooms) && rooms.every((room) => typeof room === "string"))) {
    invalid("rooms must be a list of strings");
  }
  if (!Number.isSafeInteger(expiresIn) || expiresIn < 1) invalid("expiresIn must be a whole number of ms");
  return binding().createTicket(serverId(), userId, rooms ?? null, expiresIn);
}

function invalid(why: string): never {
  throw new RealtimeError("ERR_INVALID_TICKET", why);
}
