// What was emitted without a connection: in order, bounded, and not for ever.

import type { Socket } from "socket.io-client";
import { RealtimeClientError } from "./error.js";

interface Waiting {
  type: string;
  until: number;
  send: (socket: Socket) => void;
  fail: (error: unknown) => void;
}

export class Outbox {
  #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `limit`: most events kept; `expiry`: how long, in ms. */
  constructor(
    private readonly limit: number,
    private readonly expiry: number,
  ) {}

  /** Calls `send` at the next flush; `fail` with `ERR_EXPIRED` when there was none in time, or with what `send` threw. Throws `ERR_QUEUE_FULL`. */
  add(type: string, send: (socket: Socket) => void, fail: (error: unknown) => void): void {
    if (this.#waiting.length >= this.limit) {
      const message = `Cannot queue "${type}": ${this.limit} events already wait for a connection`;
      throw new RealtimeClientError("ERR_QUEUE_FULL", message);
    }
    this.#waiting.push({ type, until: Date.now() + this.expiry, send, fail });
    this.#watch();
  }

  /** Sends everything while `live` gives a connection. A timer of a sleeping page is late, so the age counts here as well. */
  flush(live: () => Socket | undefined): void {
    this.#expire();
    for (let socket = live(); socket; socket = live()) {
      const next = this.#waiting.shift();
      if (!next) break;
      try {
        next.send(socket);
      } catch (error) {
        next.fail(error);
      }
    }
    this.#watch();
  }

  // All wait equally long: the first is the next to expire.
  #watch(): void {
    const [next] = this.#waiting;
    if (next && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!next) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#expire();
        this.#watch();
      },
      Math.max(0, next.until - Date.now()),
    );
  }

  #expire(): void {
    const now = Date.now();
    const alive = this.#waiting.findIndex(({ until }) => until > now);
    for (const { type, fail } of this.#waiting.splice(0, alive < 0 ? this.#waiting.length : alive)) {
      const message = `"${type}" waited ${this.expiry} ms for a connection and was not sent`;
      fail(new RealtimeClientError("ERR_EXPIRED", message));
    }
  }
}
