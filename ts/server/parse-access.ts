// Checks the options that say who may connect, and what they may join and say.

import type { NativeOptions } from "../../native.js";
import type { AuthorizeJoin } from "./authorize-join.js";
import { boolean, func, integer, invalid, known, object } from "./option-checks.js";
import { type ParsedSchemas, parseSchemas } from "./schemas.js";

/** Options of every server. */
export const SERVER_ACCESS = ["maxPendingAuthentications", "schemas", "trustProxy"];
/** Options of the real-time layer. */
export const REALTIME_ACCESS = ["authenticate", "authorizeJoin", "maxRoomsPerSocket", "maxRooms", "tickets"];

const MOST = 2 ** 31 - 1;

export interface ParsedAccess {
  native: Partial<NativeOptions>;
  authorizeJoin: AuthorizeJoin | undefined;
  schemas: ParsedSchemas | undefined;
}

/** Throws ERR_INVALID_OPTION. */
export function parseAccess(given: ReadonlyMap<string, unknown>): ParsedAccess {
  const native: Partial<NativeOptions> = {};
  for (const name of ["maxPendingAuthentications", "maxRoomsPerSocket", "maxRooms"] as const) {
    if (given.has(name)) native[name] = integer(name, given.get(name), 1, MOST);
  }
  if (given.has("authenticate")) native.authenticate = true;
  if (given.has("authorizeJoin")) native.authorizeJoin = true;
  if (given.has("tickets")) native.ticketKeys = parseTickets(given.get("tickets"));
  if (given.has("trustProxy")) Object.assign(native, parseProxy(given.get("trustProxy")));
  return {
    native,
    authorizeJoin: given.has("authorizeJoin")
      ? func<AuthorizeJoin>("authorizeJoin", given.get("authorizeJoin"))
      : undefined,
    schemas: given.has("schemas") ? parseSchemas(given.get("schemas")) : undefined,
  };
}

function parseTickets(value: unknown): string[] {
  const keys = known("tickets.", object("tickets", value), ["keys"]).get("keys");
  const isKey = (key: unknown) => typeof key === "string" && Buffer.byteLength(key) >= 32;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > 16 || !keys.every(isKey)) {
    invalid("tickets.keys", "a list of 1 to 16 strings of at least 32 bytes, the newest first");
  }
  return keys;
}

function parseProxy(value: unknown): Partial<NativeOptions> {
  if (typeof value === "number") return { proxyHops: integer("trustProxy", value, 1, 16) };
  if (typeof value !== "object") return boolean("trustProxy", value) ? { proxyHops: 1 } : {};
  const given = known("trustProxy.", object("trustProxy", value), ["hops", "header"]);
  const header = given.get("header") ?? "x-forwarded";
  if (header !== "x-forwarded" && header !== "forwarded") {
    invalid("trustProxy.header", '"x-forwarded" or "forwarded"');
  }
  return {
    proxyHops: integer("trustProxy.hops", given.get("hops") ?? 1, 1, 16),
    proxyForwarded: header === "forwarded",
  };
}
