// Where a build or a deployment is, and its last steps.

import type { BuildProgressEvent, DeployProgressEvent } from "../events.js";
import { createStore, type Store } from "./store.js";

/** Most events kept in a history. */
export const HISTORY_LIMIT = 100;

interface Events {
  "build:progress": BuildProgressEvent;
  "deploy:progress": DeployProgressEvent;
}

/** The newest event, and the last 100, oldest first. */
export interface Progress<E> {
  readonly progress: E | null;
  readonly history: readonly E[];
}

export function createProgressStore<K extends keyof Events>(type: K): Store<Progress<Events[K]>> {
  type Event = Events[K];
  let history: Event[] = [];
  const empty: Progress<Event> = Object.freeze({ progress: null, history: Object.freeze([]) });
  return createStore(empty, {
    read: () => Object.freeze({ progress: history.at(-1) ?? null, history: Object.freeze([...history]) }),
    clear() {
      history = [];
    },
    listen: (client, changed) =>
      client.on<Event>(type as string, (event) => {
        history.push(event);
        if (history.length > HISTORY_LIMIT) history.shift();
        changed();
      }),
  });
}
