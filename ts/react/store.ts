// A small external store for useSyncExternalStore: immutable snapshots, fed only while somebody subscribes.

import { getWebSocketClient, type WebSocketClient } from "../client/index.js";
import { shared } from "./shared.js";

export interface Store<S> {
  subscribe(this: void, listener: () => void): () => void;
  get(this: void): S;
  /** The snapshot of server rendering and hydration. */
  getInitial(this: void): S;
  set(this: void, next: S): void;
}

/** Keeps the page's client connected while it has users. */
export const holdConnection = shared(() => getWebSocketClient().retain());

/**
 * `feed` listens on the client and calls `set`; it begins with the first subscriber and ends a while after the last one, when the
 * snapshot goes back to `initial`: what is shown later must not be older than that.
 */
export function createStore<S>(initial: S, feed: (client: WebSocketClient, store: Store<S>) => () => void): Store<S> {
  let snapshot = initial;
  const listeners = new Set<() => void>();
  const use = shared(() => {
    const client = getWebSocketClient();
    const release = client.retain();
    const stop = feed(client, store);
    return () => {
      stop();
      release();
      snapshot = initial;
    };
  });
  const store: Store<S> = {
    subscribe(listener) {
      listeners.add(listener);
      const release = use();
      return () => {
        listeners.delete(listener);
        release();
      };
    },
    get: () => snapshot,
    getInitial: () => initial,
    set(next) {
      snapshot = next;
      for (const listener of [...listeners]) listener();
    },
  };
  return store;
}
