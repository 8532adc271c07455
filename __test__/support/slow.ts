// Slow clients of a server that lets little wait for each: how they come about, and how much it takes to fill them.
import { expect } from "vitest";
import { type Attached, startAttached } from "./nself.js";
import { Reader, type TRANSPORTS } from "./reader.js";

/** Most that may wait for one client. */
export const MAX_OUTBOX = 20_000;
export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The kernel takes the first megabytes for a WebSocket, so such a client gets more, and larger events. */
export const AMOUNTS = { polling: { count: 2000, size: 20 }, websocket: { count: 6000, size: 2000 } };

/** What a gap event tells. */
export interface Gap {
  event: string;
  room?: string;
  count: number;
  from: string;
  to: string;
}

/** A server whose clients are full soon. */
export function startSmall(options: Parameters<typeof startAttached>[0] = {}): Promise<Attached> {
  return startAttached({ maxOutbox: MAX_OUTBOX, ...options });
}

/** A client in rooms that does not read until it is told to. */
export async function paused(
  transport: (typeof TRANSPORTS)[number],
  { port }: Attached,
  ...rooms: string[]
): Promise<Reader> {
  return (await Reader.open(transport, port, { rooms })).pause();
}

/** Emits numbers 0 to below `count`. What waits for the client furthest behind is never more than allowed. */
export async function flood({ server }: Attached, count: number, emit: (n: number) => unknown): Promise<void> {
  for (let n = 0; n < count; n++) {
    emit(n);
    if (n % 100 === 99) {
      expect(server.stats().waiting.largest).toBeLessThanOrEqual(MAX_OUTBOX);
      await turn();
    }
  }
}
