// Timestamps to the microsecond, each later than the one before: they name an event, so that a page can tell whether it has it already.

import { processWide } from "./process-wide";

const clock = processWide("clock", () => ({ last: 0 }));

/** The time now, ISO 8601, never the same twice in this process. */
export function timestamp(): string {
  clock.last = Math.max(clock.last + 1, Date.now() * 1000);
  const iso = new Date(Math.floor(clock.last / 1000)).toISOString();
  return `${iso.slice(0, -1)}${String(clock.last % 1000).padStart(3, "0")}Z`;
}
