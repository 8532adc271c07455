// The last lines of one service's log.

import { EventName, type LogStreamEvent } from "../events.js";
import { createStore, type Store } from "./store.js";
import { throttle } from "./throttle.js";

export type Lines = readonly LogStreamEvent[];

const NO_LINES: Lines = Object.freeze([]);

export interface LogStore extends Store<Lines> {
  clear(this: void): void;
}

/** Keeps the last `most` lines, at least one, of `service`; "all" is every service. */
export function createLogStore(service: string, most: number): LogStore {
  const limit = Math.max(1, most);
  let pending: LogStreamEvent[] = [];
  const store = createStore(NO_LINES, (client, { get, set }) => {
    const render = throttle(() => {
      const lines = [...get(), ...pending].slice(-limit);
      pending = [];
      set(lines);
    });
    const off = client.on(EventName.LogStream, (line) => {
      if (service !== "all" && line.service !== service) return;
      pending.push(line);
      // Timers are slow in a hidden tab: what can no longer be shown is not kept for it.
      if (pending.length > 2 * limit) pending = pending.slice(-limit);
      render.request();
    });
    return () => {
      off();
      render.cancel();
      pending = [];
    };
  });
  return {
    ...store,
    clear() {
      pending = [];
      store.set(NO_LINES);
    },
  };
}
