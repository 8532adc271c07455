// The latest event per key, as one plain object: the state of all services, the figures of all containers.

import type { EmittedEvents } from "../events.js";
import { createStore, type Store } from "./store.js";
import { throttle } from "./throttle.js";

/** Most keys kept; the one that was silent longest goes first. */
export const KEY_LIMIT = 500;

export type Latest<E> = Readonly<Record<string, E>>;

export function latestByKey<K extends keyof EmittedEvents>(
  type: K,
  keyOf: (event: EmittedEvents[K]) => string,
): Store<Latest<EmittedEvents[K]>> {
  type Event = EmittedEvents[K];
  // Without a prototype, so that a service called "constructor" is only there when it is.
  const empty: Latest<Event> = Object.freeze(Object.create(null));
  return createStore(empty, (client, store) => {
    const latest = new Map<string, Event>();
    const render = throttle(() => {
      const next: Record<string, Event> = Object.create(null);
      for (const [key, event] of latest) next[key] = event;
      store.set(next);
    });
    const off = client.on<Event>(type as string, (event) => {
      const key = keyOf(event);
      latest.delete(key);
      latest.set(key, event);
      if (latest.size > KEY_LIMIT) latest.delete(latest.keys().next().value as string);
      render.request();
    });
    return () => {
      off();
      render.cancel();
    };
  });
}
