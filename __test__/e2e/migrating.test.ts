// docs/migrating.md, followed line by line on an application of nself-admin's shape: a file database, `src/`, webpack, pnpm, middleware at
// the edge, standalone output. What worked before works, and what never did does.

import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Envelope } from "../../ts/events.js";
import { launchBrowser, type TestBrowser } from "./support/browser.js";
import { arrival, connect, disconnectAll, join as joinRoom } from "./support/client.js";
import { standaloneOf } from "./support/fresh-app.js";
import { addedBy, applyPatch, sectionOf } from "./support/guide.js";
import { type Mode, type NextServer, startNext } from "./support/next.js";
import { runManager } from "./support/package-managers.js";
import { cache, fixtures } from "./support/paths.js";
import { Program } from "./support/program.js";
import { type Registry, startRegistry } from "./support/registry.js";

const folder = `${cache}/migrating`;
const steps = sectionOf("docs/migrating.md", "## nself-admin");
let registry: Registry;
let browser: TestBrowser;
const running: Program[] = [];

/** Runs a command of the guide; of pnpm's the test gives the store. */
async function runCommand(line: string): Promise<void> {
  const [program, ...args] = line.split(" ");
  if (program === "pnpm") return runManager("pnpm", folder, registry.url, args);
  if (line.startsWith("rm -r ")) {
    for (const path of args.slice(1)) rmSync(join(folder, path), { recursive: true });
  } else throw new Error(`the guide has a command that this test does not know: ${line}`);
}

async function follow(): Promise<void> {
  for (const step of steps) {
    if (step.language === "patch") applyPatch(folder, step);
    else if (step.language === "sh") for (const line of step.code.split("\n")) await runCommand(line);
    else throw new Error(`docs/migrating.md:${step.line}: a step of a kind that nobody follows: ${step.language}`);
  }
}

/** The lines of the application's real-time code. */
function realtimeLines(): number {
  const files = ["src/lib/websocket", "src/hooks"].flatMap((path) =>
    readdirSync(join(folder, path), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => join(folder, path, name)),
  );
  return files.reduce((sum, file) => sum + readFileSync(file, "utf8").split("\n").length, 0);
}

/** Runs a program of the application, and gives what it said if it fails. */
async function succeeds(args: string[], env: Record<string, string> = {}): Promise<void> {
  const program = new Program(args, { cwd: folder, env });
  running.push(program);
  expect(await program.ended, program.output).toBe(0);
}

const before = { lines: 0 };

beforeAll(async () => {
  registry = await startRegistry();
  browser = await launchBrowser();
  rmSync(folder, { recursive: true, force: true });
  cpSync(`${fixtures}/admin`, folder, { recursive: true });
  await runManager("pnpm", folder, registry.url, ["install", "--ignore-scripts"]);
  before.lines = realtimeLines();
  await follow();
});

afterAll(async () => {
  disconnectAll();
  await browser?.close();
  for (const program of running) if (program.child.exitCode === null) await program.stop();
  await registry?.close();
});

it("adds at most 70 lines, and removes far more of dead real-time code", () => {
  const added = steps.filter(({ language }) => language === "patch").flatMap(addedBy);
  expect(added.length).toBeLessThanOrEqual(70);
  expect(before.lines - realtimeLines()).toBeGreaterThan(200);
  const { dependencies } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(["nself-realtime", "socket.io-client"]));
  expect(dependencies).not.toHaveProperty("socket.io");
});

it("type-checks, with every import of EventType, types and guards as it was; the doctor finds nothing", async () => {
  await succeeds(["node_modules/next/dist/bin/next", "typegen"]);
  await succeeds(["node_modules/typescript/bin/tsc", "--noEmit"]);
  await succeeds(["node_modules/nself-realtime/dist/esm/cli/main.js", "doctor"]);
});

/** A server of the application, with a database of its own. */
async function start(mode: Mode, from: string, args: string[] = []): Promise<NextServer> {
  const server = await startNext({
    folder: from,
    mode,
    args,
    env: { ADMIN_DATABASE: join(cache, `migrating-${mode}.db`) },
  });
  running.push(server.program);
  return server;
}

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/auth/login`, {
    method: "POST",
    body: JSON.stringify({ password: "correct" }),
  });
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

const ask = (url: string, cookie: string, method = "POST", body?: object) =>
  fetch(url, {
    method,
    redirect: "manual",
    headers: { "content-type": "application/json", cookie },
    ...(body && { body: JSON.stringify(body) }),
  });

const modes: Array<{ mode: Mode; args: string[]; prepare: () => Promise<string> }> = [
  { mode: "dev", args: ["--turbo"], prepare: async () => folder },
  {
    mode: "standalone",
    args: [],
    prepare: async () => {
      await succeeds(["node_modules/next/dist/bin/next", "build", "--webpack"], { STANDALONE: "true" });
      return standaloneOf(folder);
    },
  },
];

describe.each(modes)("the application, $mode", ({ mode, args, prepare }) => {
  let server: NextServer;
  let page: Page;
  const text = (id: string) => page.getByTestId(id);

  beforeAll(async () => {
    rmSync(join(cache, `migrating-${mode}.db`), { force: true });
    server = await start(mode, await prepare(), args);
  });

  afterAll(async () => {
    await server?.program.stop();
  });

  it("keeps its middleware: no page and no route without a session", async () => {
    const page = await ask(server.url, "", "GET");
    expect([page.status, page.headers.get("location")]).toEqual([307, expect.stringContaining("/login")]);
    expect(page.headers.get("content-security-policy") ?? "").toBe("");
    for (const path of ["/api/realtime", "/api/services"]) {
      expect((await ask(server.url + path, "", "GET")).status).toBe(401);
      expect((await ask(server.url + path, `nself-session=${"b".repeat(64)}`)).status).toBe(401);
    }
    const login = await ask(`${server.url}/login`, "", "GET");
    expect(login.headers.get("content-security-policy")).toContain("connect-src 'self' ws: wss:");
  });

  it("refuses sockets without a session, which spoils no login that comes after", async () => {
    const cookies = ["", `nself-session=${"a".repeat(64)}`, "nself-session=admin"];
    for (const cookie of cookies) {
      await expect(connect(server.url, "websocket", { extraHeaders: { cookie } })).rejects.toThrow("unauthorized");
    }
    const cookie = await logIn(server.url);
    await expect(
      connect(server.url, "websocket", { extraHeaders: { cookie: `nself-session=${"c".repeat(64)}` } }),
    ).rejects.toThrow("unauthorized");
    expect((await ask(server.url, cookie, "GET")).status).toBe(200);
    for (const transport of ["websocket", "polling"] as const) {
      (await connect(server.url, transport, { extraHeaders: { cookie } })).disconnect();
    }
    expect((await ask(server.url, cookie, "GET")).status).toBe(200);
  });

  it("logs in in the browser, and shows the events of its routes", async () => {
    page = await browser.context.newPage();
    await page.goto(server.url);
    await page.getByLabel("Password").fill("correct");
    await page.getByRole("button", { name: "Log in" }).click();
    await text("connection").filter({ hasText: "live" }).waitFor();
    const cookie = await logIn(server.url);
    expect(
      (await ask(`${server.url}/api/services`, cookie, "POST", { service: "postgres", action: "start" })).status,
    ).toBe(200);
    await text("postgres").filter({ hasText: "starting" }).waitFor();
    const cursor = { userId: "grace", documentId: "7", position: { line: 1, column: 2 } };
    await expect
      .poll(async () => {
        await ask(`${server.url}/api/collaboration/cursor`, cookie, "POST", cursor);
        return text("cursors").textContent();
      })
      .toBe("grace");
  });

  it("streams logs once to who is in both rooms, and a build's steps all", async () => {
    const cookie = await logIn(server.url);
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    await joinRoom(socket, "logs:api");
    await joinRoom(socket, "logs:all");
    const lines: string[] = [];
    socket.on("logs:stream", ({ data }: Envelope<{ line: string }>) => lines.push(data.line));
    const steps: number[] = [];
    socket.on("build:progress", ({ data }: Envelope<{ progress: number }>) => steps.push(data.progress));
    await ask(`${server.url}/api/logs/stream?service=api`, cookie, "GET");
    const complete = arrival<{ status: string }>(socket, "build:progress", ({ status }) => status === "complete");
    await ask(`${server.url}/api/nself/build`, cookie);
    await complete;
    expect(lines).toEqual(["one", "two", "three"]);
    expect(steps).toEqual([0, 10, 40, 70, 100]);
    socket.disconnect();
  });

  it("has its HTTP view beside it, behind the application's guard", async () => {
    const cookie = await logIn(server.url);
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    const view = await (await ask(`${server.url}/api/realtime`, cookie, "GET")).json();
    expect(view).toMatchObject({ success: true, data: { presence: expect.any(Array) } });
    expect(view.data.presence.map(({ userId }: { userId: string }) => userId)).toContain("admin");
    const event = arrival<{ service: string }>(socket, "service:status", ({ service }) => service === "redis");
    const data = { service: "redis", status: "running", timestamp: new Date().toISOString() };
    const posted = await ask(`${server.url}/api/realtime`, cookie, "POST", { eventType: "service:status", data });
    expect(await posted.json()).toEqual({ success: true, message: "Event emitted" });
    await event;
    const nonsense = await ask(`${server.url}/api/realtime`, cookie, "POST", { eventType: "connect", data: {} });
    expect(nonsense.status).toBe(400);
    socket.disconnect();
  });

  it("ends a session's connections at its logout, and when it is revoked, and no others", async () => {
    const [mine, other, third] = [await logIn(server.url), await logIn(server.url), await logIn(server.url)];
    const open = async (cookie: string) => {
      const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
      return { socket, ended: new Promise((resolve) => socket.once("disconnect", resolve)) };
    };
    const [a, b, c] = [await open(mine), await open(other), await open(third)];
    await ask(`${server.url}/api/auth/login`, mine, "DELETE");
    expect(await a.ended).toBe("io server disconnect");
    await expect(connect(server.url, "websocket", { extraHeaders: { cookie: mine } })).rejects.toThrow("unauthorized");
    await ask(`${server.url}/api/auth/sessions/revoke`, other, "POST", { token: third.split("=")[1] });
    expect(await c.ended).toBe("io server disconnect");
    expect(b.socket.connected).toBe(true);
    // The browser's session is still there, until somebody revokes all but his own.
    expect(await text("connection").textContent()).toBe("live");
    await ask(`${server.url}/api/auth/sessions/revoke`, other, "POST", {});
    await text("connection").filter({ hasText: "offline" }).waitFor();
    expect(b.socket.connected).toBe(true);
    await page.close();
  });
});
