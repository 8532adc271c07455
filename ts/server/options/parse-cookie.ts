// The option cookie, turned into what the native side needs.

import { boolean, headerText, integer, invalid, isOff, known, object, text } from "./option-checks.js";

const COOKIE = [
  "name",
  "path",
  "httpOnly",
  "sameSite",
  "secure",
  "maxAge",
  "domain",
  "expires",
  "partitioned",
  "priority",
];

/** Name and attributes of the cookie, or nothing. */
export function parseCookie(value: unknown): { cookieName?: string; cookieAttributes?: string } {
  if (isOff(value)) return {};
  const given = value === true ? new Map<string, unknown>() : known("cookie.", object("cookie", value), COOKIE);
  const name = given.has("name") ? text("cookie.name", given.get("name")) : "io";
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) invalid("cookie.name", "a cookie name");

  const parts: string[] = [];
  if (given.has("maxAge")) parts.push(`Max-Age=${integer("cookie.maxAge", given.get("maxAge"), 0, 2 ** 31 - 1)}`);
  if (given.has("domain")) parts.push(`Domain=${headerText("cookie.domain", given.get("domain"))}`);
  const path = given.get("path") ?? "/";
  // False and "": the browser takes the folder of the request.
  if (path !== false && path !== "") parts.push(`Path=${headerText("cookie.path", path)}`);
  const expires = given.get("expires");
  if (expires !== undefined) {
    if (!(expires instanceof Date) || Number.isNaN(expires.getTime())) invalid("cookie.expires", "a valid Date");
    parts.push(`Expires=${expires.toUTCString()}`);
  }
  if (flag(given, "httpOnly", true)) parts.push("HttpOnly");
  if (flag(given, "secure", false)) parts.push("Secure");
  if (flag(given, "partitioned", false)) parts.push("Partitioned");
  if (given.has("priority"))
    parts.push(`Priority=${choice("priority", given.get("priority"), ["low", "medium", "high"])}`);
  const sameSite = given.has("sameSite") ? given.get("sameSite") : "lax";
  if (sameSite !== false) {
    parts.push(`SameSite=${choice("sameSite", sameSite === true ? "strict" : sameSite, ["lax", "strict", "none"])}`);
  }
  return { cookieName: name, cookieAttributes: parts.map((part) => `; ${part}`).join("") };
}

function flag(given: Map<string, unknown>, name: string, absent: boolean): boolean {
  return given.has(name) ? boolean(`cookie.${name}`, given.get(name)) : absent;
}

function choice(name: string, value: unknown, choices: string[]): string {
  const lower = typeof value === "string" ? value.toLowerCase() : "";
  if (!choices.includes(lower)) invalid(`cookie.${name}`, choices.join(", "));
  return lower[0]!.toUpperCase() + lower.slice(1);
}
