// How late this JavaScript thread runs what is due.

import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { registry } from "./registry.js";

declare module "./registry.js" {
  interface Registry {
    /** Measures this thread's delay, once somebody wants to know. */
    delay?: LoopDelay;
  }
}

/** How late timers were, in ms. */
export interface EventLoopDelay {
  p50: number;
  p99: number;
  max: number;
}

/** ms between two ticks. */
const TICK = 20;

/**
 * Node's histogram of the delay between ticks. The first tick after a reset only starts its clock, so a block that begins
 * before it would be missed: a timer that is set with each reset is late by that.
 */
export class LoopDelay {
  readonly #ticks = monitorEventLoopDelay({ resolution: TICK });
  #start = 0;
  /** ms until the timer of the last reset fired; undefined while it is to come. */
  #first: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.#ticks.enable();
    this.#reset();
  }

  /** The delay since the last call, in ms; what begins within a tick after that counts in `max` alone. */
  take(): EventLoopDelay {
    const [p50, p99, max] = this.#ticks.count > 0 ? [this.#at(50), this.#at(99), this.#ticks.max / 1e6] : [0, 0, 0];
    const first = this.#first ?? performance.now() - this.#start;
    this.#reset();
    return { p50: late(p50), p99: late(p99), max: late(Math.max(max, first)) };
  }

  #at(percentile: number): number {
    return this.#ticks.percentile(percentile) / 1e6;
  }

  #reset(): void {
    clearTimeout(this.#timer);
    this.#ticks.reset();
    this.#start = performance.now();
    this.#first = undefined;
    this.#timer = setTimeout(() => {
      this.#first = performance.now() - this.#start;
    }, TICK).unref();
  }
}

function late(ms: number): number {
  return Math.max(0, Math.round(100 * (ms - TICK)) / 100);
}

/** The delay of this thread's event loop since the last call. Measuring begins with the first. */
export function eventLoopDelay(): EventLoopDelay {
  if (registry.delay) return registry.delay.take();
  registry.delay = new LoopDelay();
  return { p50: 0, p99: 0, max: 0 };
}
