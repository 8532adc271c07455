// How much a client may do, and how many may come: the options, their checks, and what the native side needs of them.

import type { NativeLimits, NativeRate } from "../../native.js";
import { integer, known, object } from "./option-checks.js";

/** So many a second, and `burst` (by default twice as many) at once. */
export interface RateOptions {
  eventsPerSecond?: number;
  burst?: number;
}

/** How often clients may do what; `false` is no limit. What is not given has the default. */
export interface RateLimitOptions extends RateOptions {
  /** Events of one connection. Default 30 a second, 60 at once. */
  eventsPerSecond?: number;
  burst?: number;
  /** Events of all connections of one user. Default 120, 240. */
  perUser?: RateOptions | false;
  /** Events of all connections of one address. Default 300, 600. */
  perAddress?: RateOptions | false;
  /** New connections of one address. Default 50 a second, 200 at once. */
  handshakes?: { perSecond?: number; burst?: number } | false;
}

/** Limits of clients. `Server` has none of the first three unless they are given, as Socket.IO has none. */
export interface LimitOptions {
  /**
   * Events beyond are refused; the client gets `error { code: "ERR_RATE_LIMITED" }`, once a second at most, and is
   * disconnected when it goes on. Heartbeats and acks that were asked for do not count. An address is the peer's, or what
   * the proxies of `trustProxy` say. Default of the nself layer `{}`, of `Server` false.
   */
  rateLimit?: RateLimitOptions | false;
  /** Connections at a time. Default of the nself layer 100 000. */
  maxConnections?: number;
  /** Connections of one address at a time; an IPv6 network (/64) is one. Default of the nself layer 1000. */
  maxConnectionsPerAddress?: number;
  /** Largest head of a request, in bytes. On a shared port Node has its own limit too. Default 16 384. */
  maxHeaderSize?: number;
  /** Time for a request's head with `listen`, in ms; on a shared port it is Node's `server.headersTimeout`. Default 30 000. */
  headersTimeout?: number;
  /** Time for a request's body, in ms. Default 30 000. */
  requestTimeout?: number;
  /** Most pieces of one WebSocket message. Default 16 384. */
  maxFragments?: number;
  /** Most attachments of one event. Default 10. */
  maxAttachments?: number;
}

export const LIMITS: ReadonlyArray<keyof LimitOptions> = [
  "rateLimit",
  "maxConnections",
  "maxConnectionsPerAddress",
  "maxHeaderSize",
  "headersTimeout",
  "requestTimeout",
  "maxFragments",
  "maxAttachments",
];

/** Defaults of the nself layer. */
export const NSELF_LIMITS: LimitOptions = { rateLimit: {}, maxConnections: 100_000, maxConnectionsPerAddress: 1000 };

const MAX_COUNT = 2 ** 31 - 1;
const MAX_RATE = 1_000_000;
const MAX_TIME = 2 ** 31 - 1;
/** Name, smallest and largest value. */
const NUMBERS = [
  ["maxConnections", 1, MAX_COUNT],
  ["maxConnectionsPerAddress", 1, MAX_COUNT],
  ["maxHeaderSize", 1024, 2 ** 24],
  ["headersTimeout", 1, MAX_TIME],
  ["requestTimeout", 1, MAX_TIME],
  ["maxFragments", 1, MAX_COUNT],
  ["maxAttachments", 0, 1000],
] as const;

/** Checks the limits among the options. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION. @internal */
export function parseLimits(given: ReadonlyMap<string, unknown>): NativeLimits {
  const limits: NativeLimits = {};
  for (const [name, min, max] of NUMBERS) if (given.has(name)) limits[name] = integer(name, given.get(name), min, max);
  const rateLimit = given.get("rateLimit");
  if (rateLimit === undefined || rateLimit === false) return limits;
  const rates = known("rateLimit.", object("rateLimit", rateLimit), [
    ...["eventsPerSecond", "burst"],
    ...["perUser", "perAddress", "handshakes"],
  ]);
  const own = new Map([...rates].filter(([name]) => name === "eventsPerSecond" || name === "burst"));
  limits.events = parseRate("rateLimit", Object.fromEntries(own), "eventsPerSecond", 30, 60);
  const part = (name: string, per: string, perSecond: number, burst: number) => {
    const value = rates.get(name);
    return value === false ? undefined : parseRate(`rateLimit.${name}`, value ?? {}, per, perSecond, burst);
  };
  const userEvents = part("perUser", "eventsPerSecond", 120, 240);
  const addressEvents = part("perAddress", "eventsPerSecond", 300, 600);
  const handshakes = part("handshakes", "perSecond", 50, 200);
  if (userEvents) limits.userEvents = userEvents;
  if (addressEvents) limits.addressEvents = addressEvents;
  if (handshakes) limits.handshakes = handshakes;
  return limits;
}

function parseRate(name: string, value: unknown, per: string, perSecond: number, burst: number): NativeRate {
  const given = known(`${name}.`, object(name, value), [per, "burst"]);
  const rate = given.has(per) ? integer(`${name}.${per}`, given.get(per), 1, MAX_RATE) : perSecond;
  const atOnce = given.has(per) ? 2 * rate : burst;
  return {
    perSecond: rate,
    burst: given.has("burst") ? integer(`${name}.burst`, given.get("burst"), 1, MAX_RATE) : atOnce,
  };
}
