// Checks the options and turns them into what the native side needs. An option that would be ignored is refused instead.

import type { NativeOptions } from "../../native.js";
import { DEFAULT_PATH } from "../events.js";
import type { Authenticate } from "./authenticate.js";
import type { AuthorizeJoin } from "./authorize-join.js";
import { LIMITS, NSELF_LIMITS, parseLimits } from "./limits.js";
import { type Logger, logLevel } from "./logger.js";
import { boolean, func, integer, invalid, isOff, known, object, refused, size, text, time } from "./option-checks.js";
import type { AllowRequest, RealtimeOptions } from "./options.js";
import { parseAccess, REALTIME_ACCESS, SERVER_ACCESS } from "./parse-access.js";
import { parseCookie, parseCors } from "./parse-http-options.js";
import { parsePolicies } from "./policies.js";
import { type ParsedSchemas, refuseBuiltIn } from "./schemas.js";

/** Options after all checks. */
export interface ParsedOptions {
  native: NativeOptions;
  /** Without a trailing slash. */
  path: string;
  allowRequest: AllowRequest | undefined;
  authenticate: Authenticate | undefined;
  authorizeJoin: AuthorizeJoin | undefined;
  schemas: ParsedSchemas | undefined;
  shutdownTimeout: number;
  /** Time for a request's body, in ms. */
  requestTimeout: number;
  logger: Logger | undefined;
}

const TIMES = ["pingInterval", "pingTimeout", "upgradeTimeout"] as const;
const SERVER = [
  ...["path", "transports", "allowUpgrades", ...TIMES, "connectTimeout", "maxHttpBufferSize", "maxOutbox"],
  ...LIMITS,
  ...["logger", "logLevel"],
  ...["httpCompression", "cookie", "cors", "allowRequest", "addTrailingSlash", "connectionStateRecovery", "policies"],
  ...SERVER_ACCESS,
];
const REALTIME = [...SERVER, ...REALTIME_ACCESS, "batch", "presence", "shutdownTimeout"];

/** Socket.IO's options that are not there yet: why, and whether `false` is fine. */
const REFUSED: Record<string, { why: string; falseIsFine: boolean }> = {
  serveClient: { why: "clients bundle socket.io-client, or serve its dist folder themselves", falseIsFine: true },
  perMessageDeflate: { why: "WebSocket messages are not compressed", falseIsFine: true },
  allowEIO3: { why: "clients of Socket.IO 2 (Engine.IO 3) are not served", falseIsFine: true },
  cleanupEmptyChildNamespaces: { why: "there are no dynamic namespaces", falseIsFine: true },
  destroyUpgrade: { why: "upgrades to other paths are left to the application", falseIsFine: true },
  destroyUpgradeTimeout: { why: "upgrades to other paths are left to the application", falseIsFine: false },
  adapter: { why: "rooms live in the native server", falseIsFine: false },
  parser: { why: "the native server speaks the default parser", falseIsFine: false },
  wsEngine: { why: "WebSocket is part of the native server", falseIsFine: false },
  initialPacket: { why: "no packet can be added to the handshake", falseIsFine: false },
};

/** Checks Socket.IO's options. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION, naming the option. */
export function parseServerOptions(options: object): ParsedOptions {
  return parse(options, SERVER, "/socket.io");
}

/** Checks the options of the real-time layer, the same way. */
export function parseRealtimeOptions(options: object): ParsedOptions {
  const defaults: RealtimeOptions = {
    transports: ["websocket", "polling"],
    pingInterval: 30_000,
    pingTimeout: 10_000,
    maxHttpBufferSize: 65_536,
    ...NSELF_LIMITS,
  };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const parsed = parse({ ...defaults, ...given }, REALTIME, DEFAULT_PATH);
  refuseBuiltIn(parsed.schemas);
  parsed.native.nselfLayer = true;
  parsed.native.presenceStaleAfter ??= 300_000;
  return parsed;
}

function parse(options: object, names: string[], defaultPath: string): ParsedOptions {
  const given = known("", withoutRefused(object("options", options)), names);
  const path = given.has("path") ? parsePath(given.get("path")) : defaultPath;
  const native: NativeOptions = { path };
  const limits = parseLimits(given);
  if (Object.keys(limits).length > 0) native.limits = limits;
  const has = (name: string) => given.has(name);
  const get = (name: string) => given.get(name);

  if (has("transports")) native.transports = parseTransports(get("transports"));
  if (has("allowUpgrades")) native.allowUpgrades = boolean("allowUpgrades", get("allowUpgrades"));
  for (const name of TIMES) if (has(name)) native[name] = time(name, get(name));
  // Socket.IO takes 0 for "the default".
  if (has("connectTimeout")) native.connectTimeout = time("connectTimeout", get("connectTimeout"), 0) || 45_000;
  for (const name of ["maxHttpBufferSize", "maxOutbox"] as const) if (has(name)) native[name] = size(name, get(name));
  if (has("httpCompression")) native.httpCompressionThreshold = parseCompression(get("httpCompression"));
  if (has("cookie")) Object.assign(native, parseCookie(get("cookie")));
  if (has("addTrailingSlash")) boolean("addTrailingSlash", get("addTrailingSlash"));
  const recovery = parseRecovery(get("connectionStateRecovery"));
  if (recovery) {
    native.recoveryDuration = recovery.duration;
    native.recoverySkipsMiddlewares = recovery.skips && !has("authenticate");
  }
  const cors = has("cors") ? parseCors(get("cors")) : undefined;
  if (cors) native.cors = cors;
  if (has("batch")) {
    const batch = known("batch.", object("batch", get("batch")), ["maxEvents", "window"]);
    if (batch.has("maxEvents")) native.batchMaxEvents = integer("batch.maxEvents", batch.get("maxEvents"), 1, 10_000);
    if (batch.has("window")) native.batchWindow = integer("batch.window", batch.get("window"), 1, 60_000);
  }
  if (has("presence")) {
    const presence = known("presence.", object("presence", get("presence")), ["staleAfter", "sweepInterval", "grace"]);
    const given = (name: string, min: number) =>
      presence.has(name) ? time(`presence.${name}`, presence.get(name), min) : undefined;
    const [staleAfter, sweepInterval, grace] = [given("staleAfter", 1), given("sweepInterval", 1), given("grace", 0)];
    if (staleAfter !== undefined) native.presenceStaleAfter = staleAfter;
    if (sweepInterval !== undefined) native.presenceSweepInterval = sweepInterval;
    if (grace !== undefined) native.presenceGrace = grace;
  }
  if (has("logLevel")) native.logLevel = logLevel(get("logLevel"));
  if (has("logger")) native.logger = true;
  if (has("policies")) native.policies = parsePolicies(get("policies"));
  const access = parseAccess(given);
  Object.assign(native, access.native);
  return {
    native,
    path,
    allowRequest: has("allowRequest") ? func<AllowRequest>("allowRequest", get("allowRequest")) : undefined,
    authenticate: has("authenticate") ? func<Authenticate>("authenticate", get("authenticate")) : undefined,
    logger: has("logger") ? func<Logger>("logger", get("logger")) : undefined,
    requestTimeout: native.limits?.requestTimeout ?? 30_000,
    authorizeJoin: access.authorizeJoin,
    schemas: access.schemas,
    shutdownTimeout: has("shutdownTimeout") ? time("shutdownTimeout", get("shutdownTimeout"), 0) : 5000,
  };
}

function withoutRefused(options: Record<string, unknown>): Record<string, unknown> {
  const rest = { ...options };
  for (const [name, { why, falseIsFine }] of Object.entries(REFUSED)) {
    const value = rest[name];
    delete rest[name];
    if (value !== undefined && !(falseIsFine && value === false)) refused(name, why);
  }
  return rest;
}

function parsePath(value: unknown): string {
  const path = text("path", value);
  if (!/^\/?[^?#\s]*$/.test(path)) invalid("path", "a URL path");
  return `/${path.replace(/^\//, "")}`.replace(/\/$/, "");
}

function parseTransports(value: unknown): string[] {
  const known = ["polling", "websocket"];
  if (Array.isArray(value) && value.includes("webtransport")) refused("transports", '"webtransport"');
  if (!Array.isArray(value) || value.length === 0 || !value.every((item) => known.includes(item))) {
    invalid("transports", 'a list of "polling" and "websocket"');
  }
  return [...new Set<string>(value)];
}

function parseRecovery(value: unknown): { duration: number; skips: boolean } | undefined {
  if (isOff(value)) return undefined;
  const name = "connectionStateRecovery";
  const options = value === true ? {} : object(name, value);
  const given = known(`${name}.`, options, ["maxDisconnectionDuration", "skipMiddlewares"]);
  return {
    duration: time(`${name}.maxDisconnectionDuration`, given.get("maxDisconnectionDuration") ?? 120_000),
    skips: boolean(`${name}.skipMiddlewares`, given.get("skipMiddlewares") ?? true),
  };
}

/** Options of zlib, which Socket.IO hands on. They change how small a response becomes, not what it says: they have no effect. */
const ZLIB = ["level", "memLevel", "strategy", "windowBits", "chunkSize"];

function parseCompression(value: unknown): number {
  if (isOff(value)) return 0;
  if (value === true) return 1024;
  const given = known("httpCompression.", object("httpCompression", value), ["threshold", ...ZLIB]);
  // For Socket.IO 0 is "everything"; for the native side it is "nothing".
  return given.has("threshold") ? size("httpCompression.threshold", given.get("threshold"), 0) || 1 : 1024;
}
