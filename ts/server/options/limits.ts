// How much a client may do, and how many may come: the options, and the check of rates.

import type { NativeLimits, NativeRate } from "../../../native.js";
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

/** Defaults of `rateLimit` where it is on. @internal */
export const DEFAULT_RATES = {
  eventsPerSecond: 30,
  burst: 60,
  perUser: { eventsPerSecond: 120, burst: 240 },
  perAddress: { eventsPerSecond: 300, burst: 600 },
  handshakes: { perSecond: 50, burst: 200 },
};

const MAX_RATE = 1_000_000;

/** The option `rateLimit`; nothing if there is no limit. Throws ERR_INVALID_OPTION or ERR_UNSUPPORTED_OPTION. @internal */
export function parseRates(value: unknown): NativeLimits | undefined {
  if (value === false) return undefined;
  const given = known("rateLimit.", object("rateLimit", value), Object.keys(DEFAULT_RATES));
  const { perUser, perAddress, handshakes, ...own } = DEFAULT_RATES;
  const mine = Object.fromEntries([...given].filter(([name]) => name in own));
  const events = parseRate("rateLimit", mine, "eventsPerSecond", own);
  const limits: NativeLimits = events ? { events } : {};
  const of = (name: string) => given.get(name) ?? {};
  const user = parseRate("rateLimit.perUser", of("perUser"), "eventsPerSecond", perUser);
  const address = parseRate("rateLimit.perAddress", of("perAddress"), "eventsPerSecond", perAddress);
  const sessions = parseRate("rateLimit.handshakes", of("handshakes"), "perSecond", handshakes);
  if (user) limits.userEvents = user;
  if (address) limits.addressEvents = address;
  if (sessions) limits.handshakes = sessions;
  return limits;
}

/** Nothing for false: no limit. */
function parseRate<Per extends string>(
  name: string,
  value: unknown,
  per: Per,
  usual: Record<Per | "burst", number>,
): NativeRate | undefined {
  if (value === false) return undefined;
  const given = known(`${name}.`, object(name, value), [per, "burst"]);
  const rate = given.has(per) ? integer(`${name}.${per}`, given.get(per), 1, MAX_RATE) : usual[per];
  const atOnce = given.has(per) ? 2 * rate : usual.burst;
  return {
    perSecond: rate,
    burst: given.has("burst") ? integer(`${name}.burst`, given.get("burst"), 1, MAX_RATE) : atOnce,
  };
}
