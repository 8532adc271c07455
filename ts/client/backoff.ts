// How long to wait before the next attempt to connect. Pure, but for chance.
//
// Not the Manager's own: that one cuts the longest wait off after the jitter, so that from the sixth attempt on all clients come at one
// moment; it does not cover a refusal or a server that closes the connection; and it does not say when the next attempt is.

import type { CompleteOptions } from "./options.js";

export class Backoff {
  constructor(private readonly options: Pick<CompleteOptions, "reconnectDelays" | "jitter" | "spread">) {}

  /** The longest wait, in ms, before chance has its say. */
  get longest(): number {
    return Math.max(...this.options.reconnectDelays);
  }

  /** The wait, in ms, after `attempts` failed since the connection was lost. */
  delay(attempts: number): number {
    const { reconnectDelays, jitter } = this.options;
    const delay = reconnectDelays[Math.min(attempts, reconnectDelays.length - 1)] as number;
    return delay * (1 + jitter * (2 * Math.random() - 1));
  }

  /** The wait after the server ended a connection that lasted `age` ms. One that it ends at once is no deploy, and must not be hurried. */
  delayAfterClose(age: number): number {
    const { spread } = this.options;
    return age < spread ? this.delay(0) : spread * Math.random();
  }
}
