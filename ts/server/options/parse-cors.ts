// The option cors. What can be decided when the server starts goes to the native side; functions and regular expressions
// are asked about each request.

import type { IncomingMessage } from "node:http";
import type { NativeCors } from "../../../native.js";
import { closest } from "../process/closest.js";
import { warnOnce } from "../process/registry.js";
import { boolean, headerText, integer, isOff, known, object, refused } from "./option-checks.js";
import { checkOrigin } from "./parse-origin.js";

/** What `cors` is for one request; nothing: no headers, and only the own host's pages may come. */
type Answer = (error: unknown, cors?: NativeCors) => void;
export type DecideCors = (request: IncomingMessage, answer: Answer) => void;

/** One of the two, or none. */
export interface ParsedCors {
  native?: NativeCors;
  decide?: DecideCors;
}

const NAMES = [
  "origin",
  "methods",
  "allowedHeaders",
  "headers",
  "exposedHeaders",
  "credentials",
  "maxAge",
  "preflightContinue",
  "optionsSuccessStatus",
];
type Given = Map<string, unknown>;
type Common = Omit<NativeCors, "origins" | "reflect" | "fixed">;

/** Origins that no list of an application means. */
const NOBODY = ["https://nobody.invalid", "http://192.0.2.1:1", "null"];

/** Checks the option. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION. */
export function parseCors(value: unknown): ParsedCors {
  if (isOff(value)) return {};
  if (typeof value === "function") return { decide: byFunction(value) };
  const given: Given = value === true ? new Map() : knownCors(object("cors", value));
  // `origin: process.env.UNSET` is there, and must not become any origin.
  const isGiven = value !== true && Object.hasOwn(value as object, "origin");
  const origin = isGiven ? (value as { origin: unknown }).origin : "*";
  const common = parseCommon(given);
  if (typeof origin === "function") return { decide: byOriginFunction(common, origin) };
  const list = Array.isArray(origin) ? flat(origin) : origin;
  const expressions = (Array.isArray(list) ? list : [list]).filter((item) => item instanceof RegExp);
  if (expressions.length === 0) return { native: safe({ ...common, ...parseOrigin(list) }) };
  for (const item of [list].flat()) if (!(item instanceof RegExp)) checkOrigin(item);
  // An expression that everybody matches is any origin, whoever wrote it.
  if (expressions.some((one) => NOBODY.every((origin) => matches(one, origin)))) {
    return { native: safe({ ...common, origins: [], reflect: true }) };
  }
  return { decide: (request, answer) => answer(null, forRequest(common, list, request)) };
}

/** The items of a list, without further lists and without `false`; `true` is any. */
function flat(origins: unknown[]): unknown {
  const items = origins.flat(Number.POSITIVE_INFINITY).filter((item) => item !== false);
  return items.includes(true) || items;
}

/** A function for the whole configuration. It sees the request. */
function byFunction(decide: CallableFunction): DecideCors {
  return (request, answer) =>
    ask(answer, (settle) =>
      decide(request, (error: unknown, options: unknown) =>
        settle(() => {
          if (error) return answer(error);
          if (isUnset(options)) {
            warnOnce(
              "NSELF_CORS_UNSET",
              "the function of cors gave an undefined origin: then no other host's page may come",
            );
            return answer(null);
          }
          const { native, decide: further } = parseCors(options);
          if (further) further(request, answer);
          else answer(null, native);
        }),
      ),
    );
}

function isUnset(options: unknown): boolean {
  const named = typeof options === "object" && options !== null && Object.hasOwn(options, "origin");
  return named && (options as { origin: unknown }).origin === undefined;
}

/** A function for the origin alone. */
function byOriginFunction(common: Common, decide: CallableFunction): DecideCors {
  return (request, answer) =>
    ask(answer, (settle) =>
      decide(request.headers.origin, (error: unknown, origin: unknown) =>
        settle(() => (error ? answer(error) : answer(null, forRequest(common, origin, request)))),
      ),
    );
}

/** Asks a function of the application, whose answer counts once, and whose failure refuses the request. */
function ask(answer: Answer, run: (settle: (use: () => void) => void) => void): void {
  let settled = false;
  const settle = (use: () => void) => {
    if (settled) return;
    settled = true;
    try {
      use();
    } catch (error) {
      answer(failed(error));
    }
  };
  try {
    run(settle);
  } catch (error) {
    settle(() => answer(failed(error)));
  }
}

function failed(error: unknown): unknown {
  warnOnce("NSELF_CORS_FAILED", `a function of the option cors failed, and the request is refused: ${String(error)}`);
  return error ?? new Error("cors failed");
}

/** What a function gave, or a list with expressions, comes to for one request. */
function forRequest(common: Common, origin: unknown, { headers }: IncomingMessage): NativeCors | undefined {
  if (!origin) return undefined;
  if (typeof origin === "string") return { ...common, ...parseOrigin(origin) };
  const asked = headers.origin;
  return { ...common, origins: asked !== undefined && isAllowed(asked, origin) ? [asked] : [] };
}

function isAllowed(asked: string, allowed: unknown): boolean {
  if (Array.isArray(allowed)) return allowed.some((one) => isAllowed(asked, one));
  if (typeof allowed === "string") return asked === allowed;
  if (allowed instanceof RegExp) return matches(allowed, asked);
  return Boolean(allowed);
}

function matches(expression: RegExp, origin: string): boolean {
  // With the flags g and y a search goes on where the last one ended.
  expression.lastIndex = 0;
  return expression.test(origin);
}

function parseOrigin(origin: unknown): Pick<NativeCors, "origins" | "reflect" | "fixed"> {
  if (origin === true) return { origins: [], reflect: true };
  if (origin === false) return { origins: [] };
  const origins = Array.isArray(origin) ? origin : [origin];
  for (const item of origins) checkOrigin(item);
  if (origins.includes("*")) return { origins: ["*"] };
  // The `cors` package sends a single string whatever the request's origin is, and looks it up in a list.
  return { origins: origins as string[], fixed: !Array.isArray(origin) };
}

function parseCommon(given: Given): Common {
  const common: Common = {};
  for (const name of ["methods", "exposedHeaders"] as const) {
    if (given.has(name)) common[name] = list(`cors.${name}`, given.get(name));
  }
  // `headers` is its older name.
  const allowed = given.get("allowedHeaders") ?? given.get("headers");
  if (allowed !== undefined) common.allowedHeaders = list("cors.allowedHeaders", allowed);
  if (given.has("credentials")) common.credentials = boolean("cors.credentials", given.get("credentials"));
  if (given.has("maxAge")) common.maxAge = integer("cors.maxAge", given.get("maxAge"), 0, 2 ** 31 - 1);
  if (given.has("optionsSuccessStatus")) {
    common.optionsSuccessStatus = integer("cors.optionsSuccessStatus", given.get("optionsSuccessStatus"), 200, 299);
  }
  if (given.get("preflightContinue") === true) refused("cors.preflightContinue", "preflights are answered here");
  return common;
}

/** With any origin, pages of other hosts come without cookies: the native side drops them. */
function safe(cors: NativeCors): NativeCors {
  if (cors.credentials && (cors.reflect || cors.origins.includes("*"))) {
    warnOnce(
      "NSELF_CORS_CREDENTIALS",
      "cors.credentials together with any origin would let every site act for its visitors. So pages of other hosts come " +
        "without their cookies; list the origins that are yours in cors.origin.",
    );
  }
  return cors;
}

/** The `cors` package ignores what it does not know; here one warning tells. A misspelled `origin` would be any origin: refused. */
function knownCors(value: Record<string, unknown>): Given {
  const unknown = Object.keys(value).filter((name) => !NAMES.includes(name) && closest(name, NAMES) === undefined);
  if (unknown.length > 0) warnOnce("NSELF_CORS", `unknown options of cors are ignored: ${unknown.join(", ")}`);
  return known("cors.", Object.fromEntries(Object.entries(value).filter(([name]) => !unknown.includes(name))), NAMES);
}

function list(name: string, value: unknown): string {
  const items = Array.isArray(value) ? value : [value];
  if (items.length === 0) return "";
  return items.map((item) => headerText(name, item)).join(",");
}
