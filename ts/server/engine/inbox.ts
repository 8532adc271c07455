// Hands over what the native inbox holds, a little in each turn of the event loop: timers, pages and signals have their
// turns too, however much clients have sent.

import { performance } from "node:perf_hooks";
import type { InboxEvent } from "../../../native.js";
import { raise } from "../process/handler-errors.js";

/** Time for events in one turn, in ms. A handler that takes longer is alone in its turn. */
const TURN = 4;
/** Events in one turn: at most, and at the beginning. */
const MOST = 128;
const FIRST = 32;

const none: InboxEvent[] = [];

/** What goes before events, and is quick: an answer to a request, and the end. */
const isFirst = ({ kind }: InboxEvent) => kind === "response" || kind === "closed";

export class Inbox {
  readonly #handle: (event: InboxEvent) => void;
  readonly #take: (most: number) => InboxEvent[];
  /** Taken, and not handled yet. */
  #events: InboxEvent[] = [];
  #next = 0;
  /** Turns go on until the native side has nothing left. */
  #going = false;
  /** Events for one turn: fewer when their handlers go on behind them, where no clock can stop them. */
  #most = FIRST;
  #began = 0;
  #handled = 0;
  readonly #whenEmpty: Array<() => void> = [];

  /** `handle` gets each event, in order. `take` gives the native side's next `most`, and with 0 only those that go first. */
  constructor(handle: (event: InboxEvent) => void, take: (most: number) => InboxEvent[]) {
    this.#handle = handle;
    this.#take = take;
  }

  /** Called by the native side with its first events; it calls again when all have been taken. */
  receive(events: InboxEvent[]): void {
    const goes = this.#going;
    this.#going = true;
    this.#add(events);
    this.#run();
    // Not at once when these are handled: the native side would call again in this same turn.
    if (!goes) setImmediate(() => this.#turn());
  }

  /** Calls back when nothing waits. */
  whenEmpty(callback: () => void): void {
    if (this.#going) this.#whenEmpty.push(callback);
    else callback();
  }

  #turn(): void {
    const isEmpty = this.#next === this.#events.length;
    const events = this.#take(isEmpty ? this.#most : 0);
    if (isEmpty && events.length === 0) {
      this.#going = false;
      this.#most = FIRST;
      for (const callback of this.#whenEmpty.splice(0)) callback();
      return;
    }
    this.#add(events);
    this.#run();
    setImmediate(() => this.#turn());
    // Behind what the handlers of that turn leave to promises and ticks.
    setImmediate(() => this.#measure());
  }

  #add(events: InboxEvent[]): void {
    const rest = this.#next === this.#events.length ? none : this.#events.slice(this.#next);
    let usual = events;
    if (events.some(isFirst)) {
      for (const event of events) if (isFirst(event)) this.#call(event);
      usual = events.filter((event) => !isFirst(event));
    }
    this.#events = rest.length === 0 ? usual : rest.concat(usual);
    this.#next = 0;
  }

  /** Handles events while there is time. */
  #run(): void {
    this.#began = performance.now();
    this.#handled = 0;
    while (this.#next < this.#events.length && this.#handled < this.#most) {
      this.#call(this.#events[this.#next++] as InboxEvent);
      this.#handled++;
      if (performance.now() - this.#began >= TURN) return;
    }
  }

  /** One handler that throws must not cost the others their events. */
  #call(event: InboxEvent): void {
    try {
      this.#handle(event);
    } catch (error) {
      raise(error);
    }
  }

  #measure(): void {
    if (!this.#going) return;
    const took = performance.now() - this.#began;
    if (took > 2 * TURN) this.#most = Math.max(1, Math.floor((this.#handled * TURN) / took));
    else if (took < TURN && this.#handled === this.#most) this.#most = Math.min(MOST, 2 * this.#most);
  }
}
