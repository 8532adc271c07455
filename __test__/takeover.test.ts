// How WebSockets are taken from Node: proved at the start, whatever else the process does then; tried again if it failed;
// piped if it must be; refused at once where neither works.
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Child, endChildren, start } from "./support/child.js";
import { client, closeClients, collect, connected, event, realtime, settled, startAttached } from "./support/nself.js";
import { elapse, upgrade, webSocketTarget } from "./support/raw.js";

vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  closeClients();
  endChildren();
});

interface State {
  state: string;
  reason?: string;
  taken: number;
  piped: number;
  warnings: Array<{ code: string; message: string }>;
}

async function program(wrong: string): Promise<Child & { port: number; state(): Promise<State> }> {
  const child = start("takeover.mjs", [wrong]);
  const { port } = (await child.messages.next("its port", 20_000)) as { port: number };
  const state = () => {
    child.tell("stats");
    return child.messages.next("its state") as Promise<State>;
  };
  return { ...child, port, state };
}

test("a thread that is blocked for longer than the test may take proves nothing against it", async () => {
  const running = await program("blocked");
  await connected(running.port);
  expect(await running.state()).toEqual({ state: "works", taken: 1, piped: 0, warnings: [] });
});

test("workers of a cluster do not disturb each other's tests", async () => {
  for (let round = 0; round < 4; round++) {
    const cluster = start("cluster.mjs", ["4"]);
    expect(await cluster.messages.next("its workers", 20_000)).toEqual(["works", "works", "works", "works"]);
    expect(await cluster.ended()).toEqual({ code: 0, signal: null });
  }
});

test("what failed is tried again: WebSockets are piped meanwhile, and taken over as soon as it works", async () => {
  const running = await program("no descriptors");
  await connected(running.port);
  const failed = await running.state();
  expect(failed).toMatchObject({ state: "piped", reason: "no descriptor", taken: 0, piped: 1 });
  expect(failed.warnings).toEqual([{ code: "NSELF_TAKEOVER", message: expect.stringContaining("no descriptor") }]);
  expect(failed.warnings[0]?.message).toContain("piped through Node until a later test succeeds");

  running.tell("mend");
  expect(await running.messages.next("its mending")).toBe("mended");
  for (;;) {
    const socket = await connected(running.port);
    socket.disconnect();
    const { state, taken } = await running.state();
    if (taken > 0) {
      expect(state).toBe("works");
      break;
    }
    await elapse(100);
  }
});

describe("where neither a take-over nor a pipe works", () => {
  test("a WebSocket is refused at once, and clients go on by polling", async () => {
    const running = await program("no descriptors, no pipes");
    const refused = await upgrade(running.port, webSocketTarget({ path: "/api/ws/" }));
    expect(refused.response.status).toBe(503);
    await refused.connection.closed();
    const error = await event(client(running.port), "connect_error");
    expect(error.message).toBe("websocket error");

    const socket = client(running.port, { transports: ["polling", "websocket"] });
    await event(socket, "connect");
    await settled(socket);
    expect(socket.io.engine.transport.name).toBe("polling");
    const { state, reason, warnings, piped } = await running.state();
    expect([state, reason, piped]).toEqual(["refused", "no descriptor", 0]);
    expect(warnings[0]?.message).toContain("clients stay on HTTP long-polling");
  });
});

test("a piped WebSocket gets the last events at SIGTERM, and does not hold the process", async () => {
  const running = await program("no descriptors");
  const socket = await connected(running.port);
  const got = collect(socket, "logs:stream");
  const gone = event(socket, "disconnect", 20_000);
  running.tell("handle");
  expect(await running.messages.next("the handler")).toBe("handling");
  running.process.kill("SIGTERM");
  expect(await running.ended(20_000)).toEqual({ code: 7, signal: null });
  await gone;
  expect(got.events).toHaveLength(5);
});

test("a server on a port of its own takes nothing from Node", async () => {
  await realtime.listen({ port: 0, host: "127.0.0.1" });
  const server = realtime.getWebSocketServer();
  expect(server.stats().takeover.state).toBe("untested");
  await server.shutdown();
  const running = await startAttached();
  await connected(running.port);
  expect(server.stats().takeover).toEqual({ state: "works", taken: 1, piped: 0 });
  await running.close();
});
