// Ends connections when the session behind them expires.

/** The longest time that setTimeout takes, in ms. */
const LONGEST = 2 ** 31 - 1;

export class Expiry {
  readonly #timers = new Map<number, NodeJS.Timeout>();

  /** Calls `end` at `at` (ms since 1970), unless the socket is deleted before. */
  set(socket: number, at: number, end: () => void): void {
    const wait = at - Date.now();
    const timer = setTimeout(
      () => {
        if (wait > LONGEST) return this.set(socket, at, end);
        this.#timers.delete(socket);
        end();
      },
      Math.min(Math.max(wait, 0), LONGEST),
    );
    this.#timers.set(socket, timer.unref());
  }

  delete(socket: number): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
