// A process without descriptors: clients are told so, nothing breaks, and it recovers.
import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { endChildren, startServerProgram } from "./support/child.js";
import { closeClients, connected, settled } from "./support/nself.js";
import { elapse } from "./support/raw.js";

afterEach(() => {
  closeClients();
  endChildren();
});

/** Opens a connection that asks for a WebSocket; gives what came of it: the answer, or nothing but the end. */
function ask(port: number): Promise<{ socket: net.Socket; answer: string }> {
  const socket = net.connect(port, "127.0.0.1");
  socket.write(
    "GET /api/ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  return new Promise((resolve) => {
    const done = (answer: string) => resolve({ socket, answer });
    socket.once("data", (data) => done(data.toString("latin1")));
    socket.once("error", () => done(""));
    socket.once("close", () => done(""));
  });
}

test.each(["listen", "attach"])(
  "%s: 503 or the end when there are none, and service when there are some",
  async (mode) => {
    // Node raises the soft limit to the hard one, so the hard one is what counts.
    const child = await startServerProgram(mode, {}, { limit: 100 });
    const bystander = await connected(child.port);
    const opened = await Promise.all(Array.from({ length: 150 }, () => ask(child.port)));
    const served = opened.filter(({ answer }) => answer.startsWith("HTTP/1.1 101"));
    const told = opened.filter(({ answer }) => answer.startsWith("HTTP/1.1 503"));
    expect(served.length).toBeGreaterThan(20);
    expect(served.length).toBeLessThan(100);
    if (mode === "listen") expect(told.length).toBeGreaterThan(0);
    await settled(bystander);
    expect(bystander.connected).toBe(true);

    for (const { socket } of opened) socket.destroy();
    for (let tries = 0; ; tries++) {
      const { socket, answer } = await ask(child.port);
      socket.destroy();
      if (answer.startsWith("HTTP/1.1 101")) break;
      expect(tries).toBeLessThan(200);
      await elapse(20);
    }
    await settled(bystander);
    expect(child.process.exitCode).toBeNull();
  },
);
