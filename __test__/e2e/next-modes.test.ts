// The example under `next dev`, `next start` and as standalone output: stock clients on Next's own port.

import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  BuildProgressEvent,
  DbQueryResultEvent,
  DeployProgressEvent,
  LogStreamEvent,
  ServiceStatusEvent,
} from "../../ts/events.js";
import { copyExample, standaloneFolder } from "./support/app-copy.js";
import { arrival, connect, disconnectAll, join, post, type Transport } from "./support/client.js";
import { isFree, type Mode, type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";
import { upgradeStatus } from "./support/upgrade.js";

const folders: Record<Mode, () => string> = {
  dev: () => copyExample("dev-modes"),
  start: () => example,
  standalone: () => standaloneFolder,
};

const BURST = 50;

/** Resolves with the lines that a client has got when its connection ends. */
function linesUntilEnd(socket: Awaited<ReturnType<typeof connect>>): Promise<string[]> {
  const lines: string[] = [];
  socket.on("logs:stream", ({ data }: { data: LogStreamEvent }) => lines.push(data.line));
  return new Promise((resolve) => socket.once("disconnect", () => resolve(lines)));
}

/** The processes of the services that run. */
async function servicePids(url: string, cookie: string): Promise<number[]> {
  const response = await fetch(`${url}/api/services`, { headers: { cookie } });
  const { data } = (await response.json()) as { data: { statuses: ServiceStatusEvent[] } };
  return data.statuses.filter(({ status }) => status === "running").map(({ containerId }) => Number(containerId));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.each(["start", "standalone", "dev"] as const)("next %s", (mode) => {
  let server: NextServer;
  let cookie: string;

  const connectAdmin = (transport: Transport) => connect(server.url, transport, { extraHeaders: { cookie } });

  beforeAll(async () => {
    server = await startNext({ folder: folders[mode](), mode });
    cookie = await logIn(server.url);
  });

  afterAll(async () => {
    disconnectAll();
    await server?.program.stop();
  });

  it.each<[Transport, string]>([
    ["websocket", "api"],
    ["polling", "worker"],
  ])("a client connected by %s gets what an API route emits", async (transport, service) => {
    const socket = await connectAdmin(transport);
    expect(socket.io.engine.transport.name).toBe(transport);
    const running = arrival<ServiceStatusEvent>(
      socket,
      "service:status",
      (data) => data.service === service && data.status === "running",
    );
    await post(`${server.url}/api/services/start`, { service }, cookie);
    const envelope = await running;
    expect(envelope.type).toBe("service:status");
    expect(envelope.data.health?.status).toBe("healthy");
    socket.disconnect();
  });

  it("streams the process's real output, each line once, also to a client in the room of all logs", async () => {
    const socket = await connectAdmin("websocket");
    await join(socket, "logs:api");
    await join(socket, "logs:all");
    const lines: string[] = [];
    socket.on("logs:stream", ({ data }: { data: LogStreamEvent }) => lines.push(`${data.timestamp} ${data.line}`));
    const isAnswer = (data: LogStreamEvent) => /^GET \/\w+ \d+ /.test(data.line);
    const first = arrival<LogStreamEvent>(socket, "logs:stream", isAnswer);
    await post(`${server.url}/api/services/start`, { service: "api" }, cookie);
    expect((await first).room).toBe("logs:api");
    await arrival<LogStreamEvent>(socket, "logs:stream", isAnswer);
    expect(new Set(lines).size).toBe(lines.length);
    socket.disconnect();
  });

  it("tells that a process crashed", async () => {
    const socket = await connectAdmin("websocket");
    const isMetrics = (status: string) => (data: ServiceStatusEvent) =>
      data.service === "metrics" && data.status === status;
    const running = arrival<ServiceStatusEvent>(socket, "service:status", isMetrics("running"));
    await post(`${server.url}/api/services/start`, { service: "metrics" }, cookie);
    const { data } = await running;
    const unhealthy = arrival<ServiceStatusEvent>(socket, "service:status", isMetrics("unhealthy"));
    process.kill(Number(data.containerId), "SIGKILL");
    expect((await unhealthy).data.health?.status).toBe("unhealthy");
    socket.disconnect();
  });

  it("has the programs that it starts: the database, the build's steps, a deployment", async () => {
    const socket = await connectAdmin("websocket");
    await join(socket, "db:admin");
    const built = arrival<BuildProgressEvent>(socket, "build:progress", (data) => data.step === "done");
    await post(`${server.url}/api/nself/build`, {}, cookie);
    expect((await built).data).toMatchObject({ status: "complete", progress: 100 });

    const deployed = arrival<DeployProgressEvent>(socket, "deploy:progress", (data) => data.stage === "done");
    await post(`${server.url}/api/deploy`, { environment: "staging" }, cookie);
    expect((await deployed).data).toMatchObject({ status: "complete", environment: "staging" });
    expect(existsSync(`${server.data}/releases/staging/current/services/api.mjs`)).toBe(true);

    const isRunning = (data: ServiceStatusEvent) => data.service === "postgres" && data.status === "running";
    const running = arrival<ServiceStatusEvent>(socket, "service:status", isRunning);
    await post(`${server.url}/api/services/start`, { service: "postgres" }, cookie);
    await running;
    const answered = arrival<DbQueryResultEvent>(socket, "db:query:result", (data) => data.queryId === mode);
    const sql = "select count(*)::int from orders";
    await post(`${server.url}/api/database/query`, { queryId: mode, sql }, cookie);
    expect((await answered).data).toMatchObject({ rows: [[5000]], rowCount: 1 });
    socket.disconnect();
  });

  it("leaves paths below its own to Next and to others", async () => {
    const page = await fetch(`${server.url}/api/ws/terminal`);
    expect(page.status).toBe(404);
    expect(page.headers.get("content-type")).toContain("text/html");
    await page.text();
    // The answer of the endpoint in fixtures/terminal.cjs.
    expect(await upgradeStatus(`${server.url}/api/ws/terminal`)).toBe(418);
  });

  it("shows who is connected, by a route of the app", async () => {
    const socket = await connectAdmin("websocket");
    const response = await fetch(`${server.url}/api/realtime`, { headers: { cookie } });
    const answer = (await response.json()) as {
      data: { presence: Array<{ socketId: string; userId: string | null }> };
    };
    expect(answer.data.presence).toContainEqual(expect.objectContaining({ socketId: socket.id, userId: "admin" }));
    const foreign = await fetch(`${server.url}/api/realtime`, { headers: { cookie, "sec-fetch-site": "cross-site" } });
    expect(foreign.status).toBe(403);
    socket.disconnect();
  });

  it("loses nothing on SIGTERM, and ends with its services", async () => {
    const pids = await servicePids(server.url, cookie);
    expect(pids.length).toBeGreaterThan(0);
    // On a signal `next dev` destroys every HTTP connection at once, and the answer to a poll with it.
    const transports: Transport[] = mode === "dev" ? ["websocket"] : ["websocket", "polling"];
    const clients = await Promise.all(transports.map((transport) => connectAdmin(transport)));
    await Promise.all(clients.map((socket) => join(socket, "logs:burst")));
    const received = clients.map(linesUntilEnd);
    const expected = Array.from({ length: BURST }, (_, i) => `line ${i}`);
    // All but the last few are emitted already; those wait in a batch when the signal comes.
    for (const line of expected) {
      const data = { service: "burst", line, timestamp: new Date().toISOString() };
      await post(`${server.url}/api/realtime`, { eventType: "logs:stream", data, room: "logs:burst" }, cookie);
    }
    const code = await server.program.stop("SIGTERM");
    expect(await Promise.all(received)).toEqual(clients.map(() => expected));
    expect([0, 143, "SIGTERM"]).toContain(code);
    expect(await isFree(server.port)).toBe(true);
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
  });
});
