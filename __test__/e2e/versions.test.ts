// The packed package under each supported version of Next.js and of Node.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ServiceStatusEvent } from "../../ts/events.js";
import { Reader } from "../support/reader.js";
import { arrival, connect, disconnectAll, post, type Transport } from "./support/client.js";
import { servicesUntilEnd, sleeper } from "./support/exit.js";
import { installApp, installNode, installProgram } from "./support/install.js";
import { freePort, type Mode, type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { Program } from "./support/program.js";
import { logIn } from "./support/session.js";
import { upgradeStatus } from "./support/upgrade.js";

const NEXT = [
  { next: "14.2.35", react: "18.3.1", hmr: "/_next/webpack-hmr" },
  { next: "15.5.29", react: "19.3.1", hmr: "/_next/webpack-hmr" },
  { next: "16.4.6", react: "19.3.1", hmr: "/_next/hmr" },
];
/** Longer than a test may last: what waits for it fails. */
const shutdownTimeout = 500_000;
const NODE = ["22.23.3", "24.21.0"];

const status = (service: string): ServiceStatusEvent => ({
  service,
  status: "running",
  timestamp: new Date().toISOString(),
});

/** An event that a route of the server emits reaches a client on this transport. */
async function expectEvent(server: NextServer, transport: Transport): Promise<void> {
  const socket = await connect(server.url, transport);
  const event = arrival<ServiceStatusEvent>(socket, "service:status", (data) => data.service === transport);
  const answer = await post(`${server.url}/api/emit`, status(transport));
  expect(answer).toEqual({ emitted: true });
  expect((await event).data.status).toBe("running");
  socket.disconnect();
}

describe.each(NEXT)("Next $next", ({ next, react, hmr }) => {
  let folder: string;
  let server: NextServer | undefined;

  beforeAll(() => {
    folder = installApp(next, react);
  });

  const start = async (mode: Mode, env: Record<string, string> = {}) => {
    const from = mode === "standalone" ? `${folder}/.next/standalone` : folder;
    server = await startNext({ folder: from, mode, env });
    return server;
  };

  afterEach(async () => {
    disconnectAll();
    if (server?.program.child.exitCode === null) await server.program.stop();
  });

  it("builds, renders the hooks on the server, and delivers what a route emits", async () => {
    const build = new Program([`${folder}/node_modules/next/dist/bin/next`, "build"], { cwd: folder });
    expect(await build.ended, build.output).toBe(0);
    const started = await start("start");
    expect(await (await fetch(started.url)).text()).toContain("not connected");
    await expectEvent(started, "websocket");
    await expectEvent(started, "polling");
    expect(await (await fetch(`${started.url}/api/edge`)).json()).toEqual({ edge: true });
    await started.program.stop();
  });

  it.each([
    ["start", "taken over", ""],
    ["start", "piped", "1"],
    ["standalone", "taken over", ""],
  ] as const)(
    "%s, sockets %s: SIGTERM waits for what is owed, and for nobody else",
    async (mode, _, REALTIME_PIPED) => {
      const REALTIME_OPTIONS = JSON.stringify({ shutdownTimeout, maxOutbox: 64 * 2 ** 20 });
      const { url, program } = await start(mode, { REALTIME_OPTIONS, REALTIME_PIPED });
      const asleep = await sleeper(url);
      try {
        const clients = [await connect(url, "websocket"), await connect(url, "polling")];
        const received = clients.map(servicesUntilEnd);
        const leaving = post(`${url}/api/leave`, { count: 20 });
        await program.printed(/waits for the signal/);
        const code = await program.stop("SIGTERM");
        expect([0, 143]).toContain(code);
        await leaving;
        const all = Array.from({ length: 20 }, (_, n) => String(n));
        expect(await Promise.all(received)).toEqual([all, all]);
      } finally {
        await asleep.stop("SIGKILL");
      }
      expect(program.output).not.toMatch(/Warning|Error/);
    },
  );

  it("start: SIGTERM waits for bytes that a client still takes", async () => {
    const REALTIME_OPTIONS = JSON.stringify({ shutdownTimeout, maxOutbox: 64 * 2 ** 20 });
    const { url, port, program } = await start("start", { REALTIME_OPTIONS });
    const reader = (await Reader.open("websocket", port)).pause();
    await post(`${url}/api/pour`, { count: 24 });
    const ended = program.stop("SIGTERM");
    const packets = await reader.rest();
    expect(packets.filter((packet) => packet.startsWith('42["megabyte"'))).toHaveLength(24);
    expect([0, 143]).toContain(await ended);
  });

  it("connects who came before register()", async () => {
    const port = await freePort();
    const bin = `${folder}/node_modules/next/dist/bin/next`;
    const env = { REALTIME_EARLY: "1" };
    const program = new Program([bin, "start", "-H", "127.0.0.1", "-p", String(port)], { cwd: folder, env });
    const url = `http://127.0.0.1:${port}`;
    server = { program, url, port, data: "" };
    await program.printed(/register waits for an upgrade/);
    const socket = await connect(url, "websocket", { timeout: 100_000 });
    const event = arrival<ServiceStatusEvent>(socket, "service:status", () => true);
    await post(`${url}/api/emit`, status("early"));
    expect((await event).data.service).toBe("early");
    socket.disconnect();
    await program.stop();
    expect(program.output).not.toMatch(/Warning|Error/);
  });

  it("delivers under next dev, where hot reloading keeps its own WebSocket", async () => {
    const started = await start("dev");
    await expectEvent(started, "websocket");
    await expectEvent(started, "polling");
    expect(await upgradeStatus(`${started.url}${hmr}`)).toBe(101);
    expect(await upgradeStatus(`${started.url}/api/ws/?EIO=4&transport=websocket`)).toBe(101);
  });
});

describe.each(NODE)("Node %s", (version) => {
  let node: string;
  const started: Program[] = [];

  beforeAll(() => {
    node = installNode(version);
  });

  afterAll(async () => {
    disconnectAll();
    for (const program of started) await program.stop();
  });

  it("imports the package, listens, delivers, and ends by itself after shutdown", async () => {
    const program = new Program(["listen.mjs"], { cwd: installProgram(), node });
    started.push(program);
    const [, port] = await program.printed(new RegExp(`listening on (\\d+) with v${version}`));
    const socket = await connect(`http://127.0.0.1:${port}`, "websocket");
    const event = arrival<ServiceStatusEvent>(socket, "service:status", (data) => data.service === "api");
    program.child.stdin?.write(`${JSON.stringify(status("api"))}\n`);
    await event;
    program.child.stdin?.end();
    expect(await program.ended, program.output).toBe(0);
    expect(program.output).toContain("shut down");
  });

  it("runs the built example", async () => {
    const server = await startNext({ folder: example, mode: "start", node });
    started.push(server.program);
    const cookie = await logIn(server.url);
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    const event = arrival<ServiceStatusEvent>(socket, "service:status", (data) => data.status === "running");
    await post(`${server.url}/api/services/start`, { service: "api" }, cookie);
    expect((await event).data.service).toBe("api");
  });
});
