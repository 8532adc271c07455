// Joins what a page has read with what was pushed to it. Each event has a timestamp of its own, so one that came both ways is one.

interface Stamped {
  timestamp: string;
}

/** Each event once, oldest first, the last `most` of them. */
export function merge<E extends Stamped>(known: readonly E[], pushed: readonly E[], most: number): E[] {
  const events = new Map<string, E>();
  for (const event of known) events.set(event.timestamp, event);
  for (const event of pushed) events.set(event.timestamp, event);
  return [...events.values()].sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1)).slice(-most);
}

/** The events of the newest run: those from the last one that `begins` it. */
export function lastRun<E extends Stamped>(events: E[], begins: (event: E) => boolean): E[] {
  const first = events.findLastIndex(begins);
  return first < 0 ? events : events.slice(first);
}
