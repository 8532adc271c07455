// What a connection received, in order, for a test that takes it one by one.
import { DEADLINE } from "./deadline.js";

interface Waiter<T> {
  resolve(item: T): void;
  reject(error: Error): void;
}

/** A queue whose reader waits for the next item, never longer than the deadline. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiters: Waiter<T>[] = [];
  #ended: string | undefined;

  get size(): number {
    return this.#items.length;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  push(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(item);
    else this.#items.push(item);
  }

  /** No item comes any more; `why` is told to whoever still waits. */
  end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error(why));
  }

  /** The next item. Rejects at the deadline, or when the source ended first. */
  next(what: string, ms = DEADLINE): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#ended !== undefined) return Promise.reject(new Error(`${what}: ${this.#ended}`));
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(new Error(`${what}: ${error.message}`));
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Error(`waited ${ms} ms for ${what}`));
      }, ms);
      this.#waiters.push(waiter);
    });
  }

  /** Everything until the end of the source. */
  async rest(what: string, ms = DEADLINE): Promise<T[]> {
    const items: T[] = [];
    for (;;) {
      if (this.size === 0 && this.ended) return items;
      try {
        items.push(await this.next(what, ms));
      } catch (error) {
        if (this.ended) return items;
        throw error;
      }
    }
  }
}
