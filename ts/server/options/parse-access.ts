// Checks the options `tickets` and `trustProxy`.

import type { NativeOptions } from "../../../native.js";
import { boolean, integer, invalid, known, object } from "./option-checks.js";

/** The keys of the option `tickets`. Throws ERR_INVALID_OPTION. */
export function parseTickets(value: unknown): string[] {
  const keys = known("tickets.", object("tickets", value), ["keys"]).get("keys");
  const isKey = (key: unknown) => typeof key === "string" && Buffer.byteLength(key) >= 32;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > 16 || !keys.every(isKey)) {
    invalid("tickets.keys", "a list of 1 to 16 strings of at least 32 bytes, the newest first");
  }
  return keys;
}

/** The option `trustProxy`. Throws ERR_INVALID_OPTION. */
export function parseProxy(value: unknown): Partial<NativeOptions> {
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
