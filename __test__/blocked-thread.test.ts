// A JavaScript thread that is busy for seconds must not matter to anybody who is connected: heartbeats and rooms are not
// its business.
import { afterEach, expect, test, vi } from "vitest";
import { block, endChildren, startServerProgram } from "./support/child.js";
import { closeClients, connected, event, join } from "./support/nself.js";

afterEach(() => {
  closeClients();
  endChildren();
});

test.each(["attach", "register", "listen"])("with the thread blocked (%s)", async (mode) => {
  // A ping follows the pong to the one before, so each shows that the server has heard that one.
  const server = await startServerProgram(mode, { pingInterval: 300, pingTimeout: 1000 });
  const clients = await Promise.all(Array.from({ length: 5 }, () => connected(server.port)));
  const lost: string[] = [];
  const pings = clients.map(() => 0);
  clients.forEach((client, i) => {
    client.on("disconnect", (reason) => lost.push(reason));
    client.io.on("ping", () => pings[i]!++);
  });

  const unblock = await block(server);
  for (let i = 0; i < 20; i++) {
    const [asking, watching] = [clients[i % 5]!, clients[(i + 1) % 5]!];
    const room = `room-${i}`;
    await join(watching, room);
    const joined = new Promise<{ data: unknown }>((resolve) => {
      watching.on("room:joined", (envelope) => envelope.data.socketId === asking.id && resolve(envelope));
    });
    expect(await join(asking, room)).toEqual({ ok: true });
    // The other member hears of it, too.
    expect((await joined).data).toEqual({ socketId: asking.id, userId: null, room });
    watching.off("room:joined");
    const pong = event(asking, "pong");
    asking.emit("heartbeat");
    await pong;
  }
  await vi.waitFor(() => expect(Math.min(...pings)).toBeGreaterThanOrEqual(10));
  // All of that happened while the server's thread was blocked.
  await unblock();
  expect(lost).toEqual([]);
  expect(clients.every((client) => client.connected)).toBe(true);
});

test("the official server's clients are lost: what README says of it", async () => {
  const server = await startServerProgram("socket.io", { pingInterval: 300, pingTimeout: 1000 });
  const client = await connected(server.port, { path: "/socket.io", reconnection: false });
  const lost = event(client, "disconnect");
  const unblock = await block(server);
  expect(await lost).toBe("ping timeout");
  await unblock();
});
