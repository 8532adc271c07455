// A small external store for useSyncExternalStore: immutable snapshots of what a source gathers, fed only while somebody subscribes.

import { getWebSocketClient, type WebSocketClient } from "../client/index.js";
import { inNextFrame, notInNextFrame } from "./frame.js";
import { shared } from "./shared.js";

/** What a store shows. It may change with every event; it is read at most once a frame. */
export interface Source<S> {
  /** The state as a new immutable value. */
  read(): S;
  /** Forgets everything; `read` then gives the empty state. */
  clear(): void;
  /** Listens on the client, and says when there is something new to read. Returns what ends it. */
  listen(client: WebSocketClient, changed: () => void): () => void;
}

export interface Store<S> {
  subscribe(this: void, listener: () => void): () => void;
  get(this: void): S;
  /** The snapshot of server rendering and hydration. */
  getInitial(this: void): S;
  /** Forgets everything, now and in every component that shows it. */
  clear(this: void): void;
}

/**
 * The source is fed from the first subscriber on, and cleared a while after the last one went: what is shown later must not be older
 * than that.
 */
export function createStore<S>(empty: S, source: Source<S>): Store<S> {
  let snapshot = empty;
  const listeners = new Set<() => void>();
  const show = (next: S) => {
    snapshot = next;
    for (const listener of [...listeners]) listener();
  };
  const render = () => show(source.read());
  const clear = () => {
    notInNextFrame(render);
    source.clear();
    show(empty);
  };
  const follow = shared(() => {
    const stop = source.listen(getWebSocketClient(), () => inNextFrame(render));
    return () => {
      stop();
      clear();
    };
  });
  return {
    subscribe(listener) {
      // An entry of its own for each call: two components may pass the same function.
      const entry = () => listener();
      listeners.add(entry);
      const unfollow = follow();
      const release = getWebSocketClient().retain();
      return () => {
        listeners.delete(entry);
        unfollow();
        release();
      };
    },
    get: () => snapshot,
    getInitial: () => empty,
    clear,
  };
}
