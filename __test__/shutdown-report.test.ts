// What shutdown() says it came to: what was delivered, and what was not.
import { afterEach, expect, test, vi } from "vitest";
import { type Attached, client, connected, event, join, realtime, startAttached } from "./support/nself.js";
import { PollingSession } from "./support/raw.js";
import { Reader, TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";

const server = realtime.getWebSocketServer();

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options: Parameters<typeof startAttached>[0] = {}): Promise<number> {
  running = await startAttached(options);
  return running.port;
}

test("counts what was delivered, and nothing dropped, when everybody reads", async () => {
  const port = await start();
  const sockets = [
    await connected(port),
    await connected(port, { transports: ["polling"] }),
    await connected(port, { transports: ["polling", "websocket"] }),
  ];
  for (const socket of sockets) await join(socket, "r");
  const { deliveries, eventsOut } = server.stats();
  for (let i = 0; i < 50; i++) realtime.emitLogStream(samples.log(String(i)), "r");
  const report = await server.shutdown();
  expect(report).toEqual({
    clients: 3,
    milliseconds: expect.any(Number),
    eventsOut: eventsOut + 50,
    deliveries: deliveries + 150,
    dropped: { latest: 0, gap: 0, volatile: 0, closed: 0 },
    slowClients: 0,
  });
  // It waited for nobody.
  expect(report!.milliseconds).toBeLessThan(5000);
});

test.each(TRANSPORTS)("counts as closed what a client that does not read has not got (%s)", async (transport) => {
  const shutdownTimeout = 300;
  const port = await start({ shutdownTimeout, maxOutbox: 64 << 20 });
  const slow = (await Reader.open(transport, port, { rooms: ["r"] })).pause();
  const healthy = client(port);
  await event(healthy, "connect");
  const count = 150;
  const pad = "x".repeat(100_000);
  for (let i = 0; i < count; i++) server.broadcastToRoom("r", "large", pad);
  await vi.waitFor(() => expect(server.stats().waiting.bytes).toBeGreaterThan(2_000_000));
  const { deliveries } = server.stats();
  const report = await server.shutdown();
  expect(report).toMatchObject({ clients: 2, deliveries, slowClients: 0 });
  expect(report!.dropped).toMatchObject({ latest: 0, gap: 0, volatile: 0 });
  expect(report!.milliseconds).toBeGreaterThanOrEqual(shutdownTimeout - 5);
  // Whatever the kernel had already arrives whole; the report tells of the rest.
  const got = (await slow.rest()).filter((one) => one.startsWith('42["large"')).length;
  expect(got).toBe(transport === "polling" ? 0 : count - report!.dropped.closed);
  expect(report!.dropped.closed).toBeGreaterThan(10);
  if (transport === "polling") expect(report!.dropped.closed).toBe(count);
});

test("a polling client that comes for it in time gets everything", async () => {
  const port = await start();
  const session = await PollingSession.open(port, { path: "/api/ws/" });
  await session.join();
  for (let i = 0; i < 20; i++) server.broadcast("x", i);
  const closing = server.shutdown();
  const packets = await session.packets(20);
  expect(packets.slice(0, 20).map((one) => JSON.parse(one.slice(2))[1].data)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  );
  expect(await closing).toMatchObject({ clients: 1, dropped: { closed: 0 } });
});

test("is null when nothing ran", async () => {
  expect(await server.shutdown()).toBeNull();
});
