// The acknowledgements that one socket waits for.

export type Ack = (...args: unknown[]) => void;

export class Acks {
  readonly #waiting = new Map<number, Ack>();

  /** How many it waits for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Waits for `id`; with `timeout` (ms) the callback gets an error first, or null. */
  wait(id: number, ack: Ack, timeout: number | undefined): void {
    if (timeout === undefined) {
      this.#waiting.set(id, ack);
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      ack(new Error("operation has timed out"));
    }, timeout);
    this.#waiting.set(id, (...args) => {
      clearTimeout(timer);
      ack(null, ...args);
    });
  }

  /** Calls back, once; an id that nobody waits for is ignored. */
  answer(id: number | undefined, args: unknown[]): void {
    const ack = id === undefined ? undefined : this.#waiting.get(id);
    if (id !== undefined) this.#waiting.delete(id);
    ack?.(...args);
  }

  /** Forgets all: those with a timeout still report that, the others would wait for ever. */
  clear(): void {
    this.#waiting.clear();
  }
}
