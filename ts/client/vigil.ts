// Notices that the machine slept: the clock went on without us, and nobody knows what became of the connection meanwhile.

import { isHidden } from "./browser.js";

/** How often it looks, in ms. */
const TICK = 450;
/** Longest time between two looks, in ms, that a busy page explains. */
const JUMP = 3000;
/** Looks at which the server may still be silent. Counted, not measured: a page that is busy now does not end its connection. */
const PATIENCE = 3;

export interface Sleeper {
  /** Called after a sleep. True: the server was asked for a sign of life. */
  slept(): boolean;
  /** The server gave none: within 2 s of waking, the time until a look notices the sleep included. */
  silent(): void;
}

export class Vigil {
  #timer: ReturnType<typeof setInterval> | undefined;
  #lookedAt = 0;
  /** Looks left for the sign of life that was asked for; 0: none was. */
  #left = 0;

  constructor(private readonly sleeper: Sleeper) {}

  /** A sign of life was asked for, and did not come yet. */
  get asks(): boolean {
    return this.#left > 0;
  }

  start(): void {
    this.#lookedAt = Date.now();
    this.#timer = setInterval(() => this.look(), TICK);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#left = 0;
  }

  look(): void {
    // A hidden page has slow timers. Its sleep is noticed when it is seen again.
    if (isHidden()) return;
    const now = Date.now();
    const slept = now - this.#lookedAt > JUMP;
    this.#lookedAt = now;
    if (slept) this.#left = this.sleeper.slept() ? PATIENCE : 0;
    else if (this.#left > 0 && --this.#left === 0) this.sleeper.silent();
  }

  /** The server was heard. `answer`: it answered what it was asked; anything else may have come before the sleep and been read after it. */
  heard(answer: boolean): void {
    if (answer || this.#left < PATIENCE) this.#left = 0;
  }
}
