// The state of the connection, and who wants to know of it.

import { throwLater } from "./error.js";
import { type ConnectionStatus, OFFLINE, type Unsubscribe } from "./types.js";

export class Status {
  #current: ConnectionStatus = OFFLINE;
  readonly #listeners = new Set<{ listener: (status: ConnectionStatus) => void }>();

  /** The same frozen object until it changes. */
  get current(): ConnectionStatus {
    return this.#current;
  }

  change(next: ConnectionStatus): void {
    this.#current = Object.freeze(next);
    for (const { listener } of [...this.#listeners]) {
      try {
        listener(this.#current);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  /** Calls `listener` at once and at each change. */
  follow(listener: (status: ConnectionStatus) => void): Unsubscribe {
    const entry = { listener };
    this.#listeners.add(entry);
    listener(this.#current);
    return () => this.#listeners.delete(entry);
  }
}
