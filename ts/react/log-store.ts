// The last lines of one service's log, and where lines are missing.

import { EventName, type GapEvent, type LogStreamEvent } from "../events.js";
import { createStore, type Store } from "./store.js";

/** One line of the log. `id` counts up within one list: a key for React. */
export type LogLine = LogStreamEvent & { readonly kind: "line"; readonly id: number };

/** Lines that the server dropped because this client read too slowly; it stands where they would. */
export interface LogGap {
  readonly kind: "gap";
  readonly id: number;
  /** How many lines are missing. */
  readonly count: number;
  /** Timestamps of the first and the last of them, ISO 8601. */
  readonly from: string;
  readonly to: string;
}

/** What a log is made of. */
export type LogEntry = LogLine | LogGap;

const NOTHING: readonly LogEntry[] = Object.freeze([]);

export interface LogStore extends Store<readonly LogEntry[]> {
  /** From now on the last `count` entries stay. */
  keep(this: void, count: number): void;
}

/** Keeps the last entries of `service`, as many as it was told; "all" is every service. */
export function createLogStore(service: string): LogStore {
  let most = 1;
  let entries: LogEntry[] = [];
  let id = 0;
  const store = createStore(NOTHING, {
    read() {
      entries = entries.slice(-most);
      return Object.freeze([...entries]);
    },
    clear() {
      entries = [];
    },
    listen(client, changed) {
      const add = (entry: LogEntry) => {
        entries.push(entry);
        // Between two frames, which are far apart in a hidden tab: what can no longer be shown is not kept for it.
        if (entries.length > 2 * most) entries = entries.slice(-most);
        changed();
      };
      const offs = [
        client.on(EventName.LogStream, (line) => {
          if (service === "all" || line.service === service) add({ kind: "line", id: id++, ...line });
        }),
        client.on("gap", (gap) => {
          if (concerns(gap, service)) add({ kind: "gap", id: id++, count: gap.count, from: gap.from, to: gap.to });
        }),
      ];
      return () => {
        for (const off of offs) off();
      };
    },
  });
  return {
    ...store,
    keep(count) {
      most = count;
    },
  };
}

// Lines of a service also travel in the room of all logs, and without a room.
function concerns({ event, room }: GapEvent, service: string): boolean {
  if (event !== EventName.LogStream) return false;
  return service === "all" || room === undefined || room === "logs:all" || room === `logs:${service}`;
}
