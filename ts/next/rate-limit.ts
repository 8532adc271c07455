// How often one client may POST: a token bucket each, of which a bounded number is kept.

import { RealtimeError } from "../server/index.js";

/** Most buckets kept; beyond, the one that was used longest ago is forgotten. */
const MOST_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  /** When `tokens` was counted, ms. */
  at: number;
}

export class RateLimit {
  readonly #perMinute: number;
  /** In the order of use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number) {
    if (!Number.isFinite(perMinute) || perMinute <= 0) {
      throw new RealtimeError("ERR_INVALID_OPTION", 'option "rateLimit.perMinute" must be a number above 0');
    }
    this.#perMinute = perMinute;
  }

  /** Takes a token of `key`. 0: there was one. Else the seconds until there is one, rounded up. */
  take(key: string): number {
    const now = performance.now();
    const most = Math.max(1, this.#perMinute);
    const old = this.#buckets.get(key);
    const earned = old ? ((now - old.at) / 60_000) * this.#perMinute : 0;
    const tokens = old ? Math.min(most, old.tokens + earned) : most;
    const allowed = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > MOST_BUCKETS && !oldest.done) this.#buckets.delete(oldest.value);
    return allowed ? 0 : Math.ceil(((1 - tokens) / this.#perMinute) * 60);
  }
}

/**
 * The client's address: the entry of X-Forwarded-For that the outermost of `proxies` own proxies wrote. What stands before it the client may
 * have written itself. Undefined if there are fewer entries.
 */
export function forwardedAddress(request: Request, proxies: number): string | undefined {
  const entries = request.headers.get("x-forwarded-for")?.split(",") ?? [];
  return proxies > 0 ? entries.at(-proxies)?.trim() || undefined : undefined;
}
