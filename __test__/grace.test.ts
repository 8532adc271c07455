// What is due in an application where nothing else happens is done when it is due.
import { afterEach, expect, test, vi } from "vitest";
import { type Attached, connected, event, join, startAttached } from "./support/nself.js";
import { Reader } from "./support/reader.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

/** The grace is 3 s; the first heartbeat, which wakes the server anyway, comes after 25. */
const BEFORE_A_HEARTBEAT = 15_000;

test("a user who is cut off has left after the grace", async () => {
  running = await startAttached({ authenticate: ({ auth }) => ({ userId: String(auth.user) }) });
  const bob = await connected(running.port, { auth: { user: "bob" } });
  await join(bob, "r");
  const ann = await Reader.open("websocket", running.port, { rooms: ["r"], auth: { user: "ann" } });
  const left = event(bob, "room:left", BEFORE_A_HEARTBEAT);
  await ann.cut();
  expect((await left).data).toMatchObject({ userId: "ann", room: "r" });
});

test("a producer ends when the grace of its room is over", async () => {
  running = await startAttached({ authenticate: ({ auth }) => ({ userId: String(auth.user) }) });
  const started = vi.fn();
  const ended = vi.fn();
  running.server.whileWatched("r", () => {
    started();
    return ended;
  });
  const ann = await Reader.open("websocket", running.port, { rooms: ["r"], auth: { user: "ann" } });
  await vi.waitFor(() => expect(started).toHaveBeenCalled());
  await ann.cut();
  await vi.waitFor(() => expect(ended).toHaveBeenCalled(), BEFORE_A_HEARTBEAT);
});
