// The options cors and cookie, turned into what the native side needs.

import type { NativeCors } from "../../../native.js";
import { closest } from "../process/closest.js";
import { warnOnce } from "../process/registry.js";
import { boolean, headerText, integer, invalid, isOff, known, object, refused, text } from "./option-checks.js";
import { checkOrigin } from "./parse-origin.js";

const CORS = [
  "origin",
  "methods",
  "allowedHeaders",
  "exposedHeaders",
  "credentials",
  "maxAge",
  "preflightContinue",
  "optionsSuccessStatus",
];
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

export function parseCors(value: unknown): NativeCors | undefined {
  if (isOff(value)) return undefined;
  if (typeof value === "function") refused("cors", "a function per request; give an object");
  const given = value === true ? new Map<string, unknown>() : knownCors(object("cors", value));
  // `origin: process.env.UNSET` is there, and must not become any origin.
  const isGiven = value !== true && Object.hasOwn(value as object, "origin");
  const cors: NativeCors = parseOrigin(isGiven ? (value as { origin: unknown }).origin : "*");
  for (const name of ["methods", "allowedHeaders", "exposedHeaders"] as const) {
    if (given.has(name)) cors[name] = list(`cors.${name}`, given.get(name));
  }
  if (given.has("credentials")) cors.credentials = boolean("cors.credentials", given.get("credentials"));
  if (given.has("maxAge")) cors.maxAge = integer("cors.maxAge", given.get("maxAge"), 0, 2 ** 31 - 1);
  if (given.has("optionsSuccessStatus")) {
    cors.optionsSuccessStatus = integer("cors.optionsSuccessStatus", given.get("optionsSuccessStatus"), 200, 299);
  }
  if (given.get("preflightContinue") === true) refused("cors.preflightContinue", "preflights are answered here");
  if (cors.credentials && (cors.reflect || cors.origins.includes("*"))) {
    const any = cors.reflect ? "true" : '"*"';
    invalid(
      "cors.origin",
      `a list of origins when cors.credentials is set: ${any} would let every site act for its visitors`,
    );
  }
  return cors;
}

/** The `cors` package ignores what it does not know; here one warning tells. A misspelled `origin` would be any origin: refused. */
function knownCors(value: Record<string, unknown>): Map<string, unknown> {
  const unknown = Object.keys(value).filter((name) => !CORS.includes(name) && closest(name, CORS) === undefined);
  if (unknown.length > 0) warnOnce("NSELF_CORS", `unknown options of cors are ignored: ${unknown.join(", ")}`);
  return known("cors.", Object.fromEntries(Object.entries(value).filter(([name]) => !unknown.includes(name))), CORS);
}

function parseOrigin(origin: unknown): NativeCors {
  if (typeof origin === "function" || origin instanceof RegExp) {
    refused("cors.origin", "functions and regular expressions; give strings");
  }
  if (origin === true) return { origins: [], reflect: true };
  if (origin === false) return { origins: [] };
  const origins = Array.isArray(origin) ? origin : [origin];
  for (const item of origins) {
    if (item instanceof RegExp) refused("cors.origin", "regular expressions; give strings");
    checkOrigin(item);
  }
  if (origins.includes("*")) return { origins: ["*"] };
  // The `cors` package sends a single string whatever the request's origin is, and looks it up in a list.
  return { origins: origins as string[], fixed: !Array.isArray(origin) };
}

function list(name: string, value: unknown): string {
  const items = Array.isArray(value) ? value : [value];
  return items.map((item) => headerText(name, item)).join(",");
}

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
