// Every option: its default for `Server` and for the real-time layer, and how its value is checked and told to the native side. The types
// in `options.ts` say what each means, and the compiler sees to it that both have the same; `docs/options.md` is made of the two.

import type { NativeLimits, NativeOptions } from "../../../native.js";
import { DEFAULT_PATH } from "../../events.js";
import type { Authenticate } from "./authenticate.js";
import type { AuthorizeJoin } from "./authorize-join.js";
import { DEFAULT_RATES, parseRates } from "./limits.js";
import { LEVELS, type Logger } from "./logger.js";
import {
  boolean,
  func,
  integer,
  invalid,
  isOff,
  known,
  object,
  oneOf,
  refused,
  size,
  text,
  time,
} from "./option-checks.js";
import type { AllowRequest, RealtimeOptions } from "./options.js";
import { parseProxy, parseTickets } from "./parse-access.js";
import { parseCookie } from "./parse-cookie.js";
import { type DecideCors, parseCors } from "./parse-cors.js";
import { parsePerMessageDeflate } from "./parse-per-message-deflate.js";
import { parsePolicies } from "./policies.js";
import { type ParsedSchemas, parseSchemas } from "./schemas.js";

/** Options after all checks. */
export interface ParsedOptions {
  native: NativeOptions;
  /** Without a trailing slash. */
  path: string;
  allowRequest?: AllowRequest;
  /** Asked about each request, in place of the native side's `cors`. */
  decideCors?: DecideCors;
  /** Whether the files of socket.io-client are served below the path. */
  serveClient: boolean;
  /** Upgrades elsewhere that nobody has answered by then, in ms, end. */
  destroyUpgradeAfter: number | undefined;
  /** Whether all that lies below the path is the server's, as in Socket.IO. */
  ownsBelow: boolean;
  authenticate?: Authenticate;
  authorizeJoin?: AuthorizeJoin;
  schemas?: ParsedSchemas;
  cleanupEmptyChildNamespaces?: boolean;
  shutdownTimeout: number;
  /** Time for a request's body, in ms. */
  requestTimeout: number;
  logger?: Logger;
}

/** Checks a value and puts it where it belongs. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION. */
type Apply = (value: unknown, parsed: ParsedOptions, name: string) => void;

/** An option. Undefined as a default is "none", or what the text beside it says. */
export interface Option {
  /** `Server` does not have it. */
  readonly layerOnly: boolean;
  readonly server: unknown;
  readonly realtime: unknown;
  readonly apply: Apply;
}

/** The same default for `Server` and the real-time layer. */
const both = (value: unknown, apply: Apply): Option => ({ layerOnly: false, server: value, realtime: value, apply });
/** Socket.IO's default, and nself's. */
const each = (server: unknown, realtime: unknown, apply: Apply): Option => ({
  layerOnly: false,
  server,
  realtime,
  apply,
});
/** An option of the real-time layer. */
const layer = (value: unknown, apply: Apply): Option => ({
  layerOnly: true,
  server: undefined,
  realtime: value,
  apply,
});

type Check<T> = (name: string, value: unknown) => T;
/** Goes to the native side under the same name. */
const native =
  <K extends keyof NativeOptions>(key: K, check: Check<NonNullable<NativeOptions[K]>>): Apply =>
  (value, { native }, name) => {
    native[key] = check(name, value);
  };
const limit =
  (
    key: Exclude<keyof NativeLimits, "events" | "userEvents" | "addressEvents" | "handshakes">,
    min: number,
    max: number,
  ): Apply =>
  (value, parsed, name) => {
    const checked = integer(name, value, min, max);
    parsed.native.limits = { ...parsed.native.limits, [key]: checked };
    if (key === "requestTimeout") parsed.requestTimeout = checked;
  };
/** Called here, by JavaScript; the native side is told that it is there. */
const called =
  (key: "authenticate" | "authorizeJoin" | "logger"): Apply =>
  (value, parsed, name) => {
    Object.assign(parsed, { [key]: func(name, value) });
    parsed.native[key] = true;
  };
const count: Check<number> = (name, value) => integer(name, value, 1, MOST);

const MOST = 2 ** 31 - 1;
const MEBIBYTE = 2 ** 20;
/** Socket.IO's default, in ms. */
export const DESTROY_UPGRADE = 1000;

/** What is given in `parsed` is complete but for the options that the defaults leave to the native side. */
export const OPTIONS: { readonly [name in Exclude<keyof RealtimeOptions, keyof typeof REFUSED>]-?: Option } = {
  path: each("/socket.io", DEFAULT_PATH, (value, parsed) => {
    parsed.path = parsePath(value);
    parsed.native.path = parsed.path;
  }),
  transports: each(["polling", "websocket"], ["websocket", "polling"], native("transports", parseTransports)),
  allowUpgrades: both(true, native("allowUpgrades", boolean)),
  pingInterval: each(25_000, 30_000, native("pingInterval", time)),
  pingTimeout: each(20_000, 10_000, native("pingTimeout", time)),
  upgradeTimeout: both(10_000, native("upgradeTimeout", time)),
  // Socket.IO takes 0 for "the default".
  connectTimeout: both(
    45_000,
    native("connectTimeout", (name, value) => time(name, value, 0) || 45_000),
  ),
  cleanupEmptyChildNamespaces: both(false, (value, parsed, name) => {
    parsed.cleanupEmptyChildNamespaces = boolean(name, value);
  }),
  maxHttpBufferSize: each(1_000_000, 65_536, native("maxHttpBufferSize", size)),
  maxOutbox: both(MEBIBYTE, native("maxOutbox", size)),
  maxInboxTotal: both(64 * MEBIBYTE, native("maxInboxTotal", size)),
  policies: both(
    undefined,
    native("policies", (_, value) => parsePolicies(value)),
  ),
  httpCompression: both({ threshold: 1024 }, native("httpCompressionThreshold", parseCompression)),
  perMessageDeflate: both(false, (value, { native }) => {
    const deflate = parsePerMessageDeflate(value);
    if (deflate) native.perMessageDeflate = deflate;
  }),
  cookie: both(false, (value, { native }) => void Object.assign(native, parseCookie(value))),
  logger: both(undefined, called("logger")),
  logLevel: both(
    "warn",
    native("logLevel", (name, value) => oneOf(name, value, LEVELS)),
  ),
  cors: both(false, (value, parsed) => {
    const { native: cors, decide } = parseCors(value);
    if (cors) parsed.native.cors = cors;
    if (!decide) return;
    parsed.decideCors = decide;
    parsed.native.askCors = true;
  }),
  allowRequest: both(undefined, (value, parsed, name) => {
    parsed.allowRequest = func<AllowRequest>(name, value);
  }),
  connectionStateRecovery: both(false, applyRecovery),
  maxPendingAuthentications: both(10_000, native("maxPendingAuthentications", count)),
  trustProxy: both(false, (value, { native }) => void Object.assign(native, parseProxy(value))),
  schemas: both(undefined, (value, parsed) => {
    parsed.schemas = parseSchemas(value);
  }),
  serveClient: each(true, false, (value, parsed, name) => {
    parsed.serveClient = boolean(name, value);
    if (parsed.serveClient) parsed.native.clientFiles = true;
  }),
  destroyUpgrade: each(true, false, (value, parsed, name) => {
    if (!boolean(name, value)) parsed.destroyUpgradeAfter = undefined;
    else parsed.destroyUpgradeAfter ??= DESTROY_UPGRADE;
  }),
  destroyUpgradeTimeout: both(DESTROY_UPGRADE, (value, parsed, name) => {
    const after = time(name, value, 0) || DESTROY_UPGRADE;
    if (parsed.destroyUpgradeAfter !== undefined) parsed.destroyUpgradeAfter = after;
  }),
  addTrailingSlash: both(true, (value, _, name) => void boolean(name, value)),

  rateLimit: each(false, DEFAULT_RATES, (value, parsed) => {
    const rates = parseRates(value);
    if (rates) parsed.native.limits = { ...parsed.native.limits, ...rates };
  }),
  maxConnections: each(undefined, 100_000, limit("maxConnections", 1, MOST)),
  maxConnectionsPerAddress: each(undefined, 1000, limit("maxConnectionsPerAddress", 1, MOST)),
  maxHeaderSize: both(16_384, limit("maxHeaderSize", 1024, 2 ** 24)),
  headersTimeout: both(30_000, limit("headersTimeout", 1, MOST)),
  requestTimeout: both(30_000, limit("requestTimeout", 1, MOST)),
  maxFragments: both(16_384, limit("maxFragments", 1, MOST)),
  maxAttachments: both(10, limit("maxAttachments", 0, 1000)),

  authenticate: layer(undefined, called("authenticate")),
  authorizeJoin: layer(undefined, called("authorizeJoin")),
  maxRoomsPerSocket: layer(100, native("maxRoomsPerSocket", count)),
  maxRooms: layer(100_000, native("maxRooms", count)),
  tickets: layer(
    undefined,
    native("ticketKeys", (_, value) => parseTickets(value)),
  ),
  batch: layer({ maxEvents: 10, window: 100 }, applyBatch),
  presence: layer({ staleAfter: 300_000, sweepInterval: 60_000, grace: 3000, smallRoom: 100 }, applyPresence),
  shutdownTimeout: layer(5000, (value, parsed, name) => {
    parsed.shutdownTimeout = time(name, value, 0);
  }),
};

/** Socket.IO's options that are not there: why, and whether `false` is fine. */
export const REFUSED = {
  allowEIO3: {
    why: "socket.io-client 1 and 2 (EIO=3) are not served; update them to socket.io-client 3 or 4, or leave this option out",
    falseIsFine: true,
  },
  adapter: {
    why: "rooms live in the native server; several servers will be connected by nself-realtime/cluster",
    falseIsFine: false,
  },
  parser: { why: "the native server speaks the default parser", falseIsFine: false },
  wsEngine: { why: "WebSocket is part of the native server", falseIsFine: false },
  initialPacket: { why: "no packet can be added to the handshake", falseIsFine: false },
};

function parsePath(value: unknown): string {
  const path = text("path", value);
  if (!/^\/?[^?#\s]*$/.test(path)) invalid("path", "a URL path");
  return `/${path.replace(/^\//, "")}`.replace(/\/$/, "");
}

function parseTransports(_: string, value: unknown): string[] {
  const known = ["polling", "websocket"];
  if (Array.isArray(value) && value.includes("webtransport")) {
    refused("transports", '"webtransport" is not served; leave it out, and clients come by "websocket" and "polling"');
  }
  if (!Array.isArray(value) || value.length === 0 || !value.every((item) => known.includes(item))) {
    invalid("transports", 'a list of "polling" and "websocket"');
  }
  return [...new Set<string>(value)];
}

/** Options of zlib, which Socket.IO hands on. They change how small a response becomes, not what it says: they have no effect. */
const ZLIB = ["level", "memLevel", "strategy", "windowBits", "chunkSize"];

function parseCompression(name: string, value: unknown): number {
  if (isOff(value)) return 0;
  if (value === true) return 1024;
  const given = known(`${name}.`, object(name, value), ["threshold", ...ZLIB]);
  // For Socket.IO 0 is "everything"; for the native side it is "nothing".
  return given.has("threshold") ? size(`${name}.threshold`, given.get("threshold"), 0) || 1 : 1024;
}

function applyRecovery(value: unknown, { native }: ParsedOptions, name: string): void {
  if (isOff(value)) return;
  const options = value === true ? {} : object(name, value);
  const given = known(`${name}.`, options, ["maxDisconnectionDuration", "skipMiddlewares"]);
  const duration = given.get("maxDisconnectionDuration") ?? 120_000;
  native.recoveryDuration = time(`${name}.maxDisconnectionDuration`, duration);
  native.recoverySkipsMiddlewares = boolean(`${name}.skipMiddlewares`, given.get("skipMiddlewares") ?? true);
}

function applyBatch(value: unknown, { native }: ParsedOptions): void {
  const given = known("batch.", object("batch", value), ["maxEvents", "window"]);
  if (given.has("maxEvents")) native.batchMaxEvents = integer("batch.maxEvents", given.get("maxEvents"), 1, 10_000);
  if (given.has("window")) native.batchWindow = integer("batch.window", given.get("window"), 1, 60_000);
}

function applyPresence(value: unknown, { native }: ParsedOptions): void {
  const given = known("presence.", object("presence", value), ["staleAfter", "sweepInterval", "grace", "smallRoom"]);
  const get = (name: string, min: number) => time(`presence.${name}`, given.get(name), min);
  if (given.has("staleAfter")) native.presenceStaleAfter = get("staleAfter", 1);
  if (given.has("sweepInterval")) native.presenceSweepInterval = get("sweepInterval", 1);
  if (given.has("grace")) native.presenceGrace = get("grace", 0);
  if (given.has("smallRoom")) native.presenceSmallRoom = integer("presence.smallRoom", given.get("smallRoom"), 0, 1e9);
}
