// One list of log lines from what was read and what was pushed, with the gaps where lines were dropped.

import type { LogStreamEvent } from "nself-realtime/client";
import type { LogEntry, LogGap } from "nself-realtime/react";
import { merge } from "./merge";

export type Entry = { key: string; timestamp: string } & ({ line: LogStreamEvent } | { gap: LogGap });

// The same object for the same event at each call, so that only new lines are rendered.
const entryOf = new WeakMap<LogStreamEvent | LogGap, Entry>();

function toEntry(event: LogStreamEvent): Entry {
  const known = entryOf.get(event);
  if (known) return known;
  const entry = { key: event.timestamp, timestamp: event.timestamp, line: event };
  entryOf.set(event, entry);
  return entry;
}

function toPushed(entry: LogEntry): Entry {
  if (entry.kind === "line") return toEntry(entry);
  const known = entryOf.get(entry);
  if (known) return known;
  // It stands after the last line that is missing; a line that was read later may still fill it.
  const made = { key: `gap ${entry.id}`, timestamp: entry.from, gap: entry };
  entryOf.set(entry, made);
  return made;
}

/** The last `most` entries, oldest first, each once. */
export function logEntries(known: readonly LogStreamEvent[], pushed: readonly LogEntry[], most: number): Entry[] {
  const live = pushed.map(toPushed);
  const seen = new Set(live.map(({ timestamp }) => timestamp));
  const old = known.filter(({ timestamp }) => !seen.has(timestamp)).map(toEntry);
  return merge(old, live, most);
}
