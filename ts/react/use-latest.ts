"use client";
// useLatest: of the latest events by key the one that a component shows, or all, and renders only for what the component looks at.

import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Latest } from "./keyed-store.js";
import type { Store } from "./store.js";

export interface UseLatest<E> {
  /** The latest event of the key that was asked for. */
  readonly one: E | undefined;
  /** All. Who looks at it renders for each of them from then on. */
  all(): Latest<E>;
  /** That of any key; looking counts as for `all`. A new function with each render that a change caused. */
  get(key: string): E | undefined;
}

/** `key` undefined: the component shows all; null: none. */
export function useLatest<E>(store: Store<Latest<E>>, key: string | null | undefined): UseLatest<E> {
  const whole = useRef(false);
  const hydrating = useRef(false);
  const oneOf = (events: Latest<E>) => (key === undefined || key === null ? undefined : events[key]);
  const pick = (events: Latest<E>) => (key === undefined || whole.current ? events : oneOf(events));
  const snapshot = useSyncExternalStore(
    store.subscribe,
    () => {
      hydrating.current = false;
      return pick(store.get());
    },
    () => {
      hydrating.current = true;
      return pick(store.getInitial());
    },
  );
  const source = hydrating.current ? store.getInitial : store.get;
  const all = () => {
    whole.current = true;
    return source();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what it gives changes with the snapshot
  const get = useCallback((of: string) => all()[of], [snapshot]);
  return { one: oneOf(source()), all, get };
}
