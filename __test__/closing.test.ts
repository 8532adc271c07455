// A closing server waits for bytes that go out, as long as it was told, and for nobody who is owed nothing.
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";
import { type Attached, startAttached } from "./support/nself.js";
import { TEXT, WebSocketSession, within } from "./support/raw.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached | undefined;
afterEach(async () => {
  endChildren();
  await running?.close();
  running = undefined;
});

const EVENTS = 24;
const SIZE = 1 << 20;

test("one that reads slowly gets all that was emitted", async () => {
  running = await startAttached({ shutdownTimeout: 50_000, maxOutbox: 64 << 20 });
  const session = await WebSocketSession.open(running.port, { path: "/api/ws/" });
  await session.join();
  const { socket } = session.ws.connection;
  socket.pause();
  for (let n = 0; n < EVENTS; n++) running.server.getIO().emit("n", n, "x".repeat(SIZE));
  const closed = running.server.shutdown();
  // A quarter of a megabyte in 100 ms.
  let taken = 0;
  socket.on("data", (chunk: Buffer) => {
    taken += chunk.length;
    if (taken >= SIZE / 4) socket.pause();
  });
  const reading = setInterval(() => {
    taken = 0;
    socket.resume();
  }, 100);
  try {
    const { frames } = await session.ws.rest("the end", 50_000);
    expect(frames.filter(({ opcode, payload }) => opcode === TEXT && payload.length > SIZE).length).toBe(EVENTS);
  } finally {
    clearInterval(reading);
  }
  await closed;
});

test("one that is frozen, and is owed nothing, takes no time", async () => {
  running = await startAttached({ shutdownTimeout: 50_000 });
  const frozen = start("stock-client.mjs", [String(running.port)]);
  await frozen.messages.next("the client to connect", 20_000);
  frozen.process.kill("SIGSTOP");
  await within("the server to close", running.server.shutdown(), 30_000);
});
