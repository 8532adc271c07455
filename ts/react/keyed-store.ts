// The latest event per key, as one plain object: the state of all services, the figures of all containers, results by query.

import type { EmittedEvents } from "../events.js";
import { createStore, type Store } from "./store.js";

/** Most keys kept; the one that was silent longest goes first. */
export const KEY_LIMIT = 500;

/** Events by key. It has no prototype, so that a service called "constructor" is only there when it is. */
export type Latest<E> = Readonly<Record<string, E>>;

export function latestByKey<K extends keyof EmittedEvents>(
  type: K,
  keyOf: (event: EmittedEvents[K]) => string,
  limit = KEY_LIMIT,
): Store<Latest<EmittedEvents[K]>> {
  type Event = EmittedEvents[K];
  const latest = new Map<string, Event>();
  const read = () => {
    const snapshot: Record<string, Event> = Object.create(null);
    for (const [key, event] of latest) snapshot[key] = event;
    return Object.freeze(snapshot);
  };
  return createStore<Latest<Event>>(read(), {
    read,
    clear: () => latest.clear(),
    listen: (client, changed) =>
      client.on<Event>(type as string, (event) => {
        const key = keyOf(event);
        latest.delete(key);
        latest.set(key, event);
        if (latest.size > limit) latest.delete(latest.keys().next().value as string);
        changed();
      }),
  });
}
