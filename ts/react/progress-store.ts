// Where a build or a deployment is, and its last steps.

import { isHidden } from "../client/browser.js";
import type { BuildProgressEvent, DeployProgressEvent } from "../events.js";
import { createStore, type Store } from "./store.js";

/** Most events kept in a history. */
export const HISTORY_LIMIT = 100;

interface Events {
  "build:progress": BuildProgressEvent;
  "deploy:progress": DeployProgressEvent;
}

/** Where it is, and how it came there. */
export interface Progress<E> {
  /**
   * The newest event; of several that came within one frame each is shown for a frame, so that no step is left out, unless nobody can
   * see the page.
   */
  readonly progress: E | null;
  /** The last 100 events, oldest first. */
  readonly history: readonly E[];
}

export function createProgressStore<K extends keyof Events>(type: K): Store<Progress<Events[K]>> {
  type Event = Events[K];
  let history: Event[] = [];
  /** How many of them, the newest, were not shown yet. */
  let unseen = 0;
  let changed = () => {};
  const empty: Progress<Event> = Object.freeze({ progress: null, history: Object.freeze([]) });
  return createStore(empty, {
    read() {
      unseen = isHidden() ? 0 : Math.max(0, unseen - 1);
      if (unseen > 0) changed();
      return Object.freeze({ progress: history.at(-1 - unseen) ?? null, history: Object.freeze([...history]) });
    },
    clear() {
      history = [];
      unseen = 0;
    },
    listen(client, change) {
      changed = change;
      return client.on<Event>(type as string, (event) => {
        history.push(event);
        if (history.length > HISTORY_LIMIT) history.shift();
        unseen = Math.min(unseen + 1, history.length);
        changed();
      });
    },
  });
}
