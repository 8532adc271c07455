// What goes out ahead of everything else is bounded, too.
import { afterEach, expect, test, vi } from "vitest";
import { type Attached, startAttached } from "./support/nself.js";
import { encodeFrame, PING, PONG, WebSocketSession } from "./support/raw.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

test("one that pings and does not read makes one pong wait", async () => {
  running = await startAttached({ rateLimit: false });
  const { server, port } = running;
  const session = await WebSocketSession.open(port, { path: "/api/ws/" });
  await session.join();
  const { socket } = session.ws.connection;
  socket.pause();
  const before = server.stats().bytesIn;
  const chunk = Buffer.concat(Array.from({ length: 1000 }, (_, n) => encodeFrame(PING, `${n}`.padEnd(125, "."))));
  for (let n = 0; n < 250; n++) {
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  socket.write(encodeFrame(PING, "the last"));
  await vi.waitFor(() => expect(server.stats().bytesIn - before).toBeGreaterThan(250 * chunk.length), 30_000);
  const { waiting, slowClients } = server.stats();
  expect(waiting.largest).toBeLessThan(1024);
  expect(slowClients).toBe(0);
  socket.resume();
  // The newest is answered (RFC 6455, 5.5.3).
  for (;;) {
    const { opcode, payload } = await session.ws.next("the last pong");
    if (opcode === PONG && payload.toString() === "the last") break;
  }
});
