// The packed package under each supported version of Next.js and of Node.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServiceStatusEvent } from "../../ts/events.js";
import { arrival, connect, disconnectAll, post, type Transport } from "./support/client.js";
import { installApp, installNode, installProgram } from "./support/install.js";
import { type Mode, type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { Program } from "./support/program.js";
import { logIn } from "./support/session.js";
import { upgradeStatus } from "./support/upgrade.js";

const NEXT = [
  { next: "14.2.35", react: "18.3.1", hmr: "/_next/webpack-hmr" },
  { next: "15.5.29", react: "19.3.1", hmr: "/_next/webpack-hmr" },
  { next: "16.4.6", react: "19.3.1", hmr: "/_next/hmr" },
];
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

  const start = async (mode: Mode) => {
    server = await startNext({ folder, mode });
    return server;
  };

  afterAll(async () => {
    disconnectAll();
    await server?.program.stop();
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
