// How long to wait before the next attempt to connect. Pure, but for chance.

import type { WebSocketClientOptions } from "./types.js";

const DELAYS: readonly number[] = [1000, 2000, 4000, 8000, 16_000];
const SPREAD = 1000;

export class Backoff {
  readonly #delays: readonly number[];
  readonly #jitter: number;
  readonly #spread: number;

  constructor({ reconnectDelays, jitter = 0, spread = SPREAD }: WebSocketClientOptions) {
    this.#delays = reconnectDelays?.length ? reconnectDelays : DELAYS;
    this.#jitter = jitter;
    this.#spread = spread;
  }

  /** The wait, in ms, after `attempts` failed since the connection was lost. */
  delay(attempts: number): number {
    const delay = this.#delays[Math.min(attempts, this.#delays.length - 1)] as number;
    return delay * (1 + this.#jitter * (2 * Math.random() - 1));
  }

  /** The wait after the server ended a connection that lasted `age` ms. One that it ends at once is no deploy, and must not be hurried. */
  delayAfterClose(age: number): number {
    return age < this.#spread ? this.delay(0) : this.#spread * Math.random();
  }
}
