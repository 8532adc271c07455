// What JavaScript keeps of a socket that may be recovered: its `data`. The native side keeps everything else.

import type { DisconnectReason } from "./socket-types.js";

/** After these a client comes back to nothing. */
const FINAL: ReadonlySet<DisconnectReason> = new Set(["client namespace disconnect", "server namespace disconnect"]);

export class Kept {
  readonly #data = new Map<string, { data: unknown; until: number }>();

  /** Keeps the data of a socket that was cut off, for `duration` ms. */
  keep(id: string, data: unknown, reason: DisconnectReason, duration: number): void {
    const now = Date.now();
    for (const [other, { until }] of this.#data) {
      if (until > now) break;
      this.#data.delete(other);
    }
    if (!FINAL.has(reason)) this.#data.set(id, { data, until: now + duration });
  }

  /** Gives back the data of a socket that is recovered. */
  take(id: string): unknown {
    const kept = this.#data.get(id);
    this.#data.delete(id);
    return kept?.data;
  }
}
