// A JavaScript thread that is busy for seconds must not matter to anybody who is connected: heartbeats and rooms are not
// its business.
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, startServerProgram } from "./support/child.js";
import { elapse } from "./support/deadline.js";
import { closeClients, connected, event, join } from "./support/nself.js";

vi.setConfig({ testTimeout: 30_000 });

afterEach(() => {
  closeClients();
  endChildren();
});

const BLOCK = 5_000;

test.each(["attach", "register", "listen"])("with the thread blocked for five seconds (%s)", async (mode) => {
  const server = await startServerProgram(mode, { pingInterval: 300, pingTimeout: 200 });
  const clients = await Promise.all(Array.from({ length: 5 }, () => connected(server.port)));
  const lost: string[] = [];
  const pings = clients.map(() => 0);
  clients.forEach((client, i) => {
    client.on("disconnect", (reason) => lost.push(reason));
    client.io.on("ping", () => pings[i]!++);
  });

  server.tell("block", { ms: BLOCK });
  expect(await server.lines.next("the block")).toBe("blocked");
  const started = performance.now();
  const unblocked = server.messages.next("the end of the block", 2 * BLOCK);
  let over = false;
  void unblocked.then(() => {
    over = true;
  });

  const delays: number[] = [];
  for (let i = 0; performance.now() - started < BLOCK - 500; i++) {
    const [asking, watching] = [clients[i % 5]!, clients[(i + 1) % 5]!];
    const room = `room-${i}`;
    await join(watching, room);
    const joined = new Promise<{ data: unknown }>((resolve) => {
      watching.on("room:joined", (envelope) => envelope.data.socketId === asking.id && resolve(envelope));
    });
    const asked = performance.now();
    expect(await join(asking, room)).toEqual({ ok: true });
    delays.push(performance.now() - asked);
    // The other member hears of it, too.
    expect((await joined).data).toEqual({ socketId: asking.id, userId: null, room });
    watching.off("room:joined");
    const pong = event(asking, "pong");
    asking.emit("heartbeat");
    await pong;
    await elapse(200);
  }

  // All of that happened while the server's thread was blocked.
  expect(over).toBe(false);
  expect(delays.length).toBeGreaterThan(10);
  expect(Math.max(...delays)).toBeLessThan(100);
  expect(await unblocked).toBe("unblocked");
  expect(lost).toEqual([]);
  expect(clients.every((client) => client.connected)).toBe(true);
  // One every 300 ms.
  expect(Math.min(...pings)).toBeGreaterThanOrEqual(10);
});
