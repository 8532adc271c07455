// Who listens for what: event name → listeners. It knows nothing of sockets.

import { throwLater } from "./error.js";
import type { Unsubscribe } from "./types.js";

type Listener = (data: unknown) => void;

export class Listeners {
  readonly #byType = new Map<string, Array<{ listener: Listener }>>();

  /** The same function may be added twice; it is then called twice, and each call's result removes one. */
  add(type: string, listener: Listener): Unsubscribe {
    const entry = { listener };
    this.#byType.set(type, [...(this.#byType.get(type) ?? []), entry]);
    return () => this.#keep(type, (other) => other !== entry);
  }

  /** Removes every registration of `listener` for `type`. */
  remove(type: string, listener: Listener): void {
    this.#keep(type, (entry) => entry.listener !== listener);
  }

  has(type: string): boolean {
    return this.#byType.has(type);
  }

  dispatch(type: string, data: unknown): void {
    for (const { listener } of this.#byType.get(type) ?? []) {
      try {
        listener(data);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  // The lists are never changed in place, so that a listener may unsubscribe while its event is being handed out.
  #keep(type: string, wanted: (entry: { listener: Listener }) => boolean): void {
    const rest = this.#byType.get(type)?.filter(wanted) ?? [];
    if (rest.length > 0) this.#byType.set(type, rest);
    else this.#byType.delete(type);
  }
}
