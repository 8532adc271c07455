"use client";
// useInvalidation: loads anew what the server says has changed, so that nothing has to be polled.

import { useEffect, useInsertionEffect, useRef } from "react";
import { getWebSocketClient } from "../client/index.js";
import { ControlEvent } from "../events.js";
import { EVERYTHING, Gatherer, type InvalidationMap, type OnInvalidate, toFunction } from "./invalidation.js";

/**
 * Calls `target`, a function or that of the resource's name in a map, with each `resource:changed` that the server emits; those that
 * follow one within half a second are gathered, and each is told once. After each connect, the first included, and wherever events were
 * lost, the change is `{ resource: "*" }`: what was loaded before may be old. Not so where the server recovered the connection.
 *
 * Once in a page is enough: `useInvalidation(swrInvalidation(mutate))` or `useInvalidation(queryInvalidation(queryClient))`.
 */
export function useInvalidation(target: OnInvalidate | InvalidationMap): void {
  const latest = useRef(target);
  useInsertionEffect(() => {
    latest.current = target;
  });
  useEffect(() => {
    const client = getWebSocketClient();
    const changes = new Gatherer((change) => toFunction(latest.current)(change));
    // What was loaded while it was there already has heard all.
    let away = !client.isConnected();
    const ends = [
      client.on(ControlEvent.ResourceChanged, (change) => changes.add(change)),
      client.on(ControlEvent.Gap, ({ event }) => {
        if (event === ControlEvent.ResourceChanged) changes.add(EVERYTHING);
      }),
      client.onStatusChange(({ connected, recovered }) => {
        if (connected && away && !recovered) changes.add(EVERYTHING);
        away = !connected;
      }),
      client.retain(),
      () => changes.stop(),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, []);
}
