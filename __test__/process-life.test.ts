// The life of the process around the server: nothing emitted is lost when it ends, it ends by itself, and what it opened
// is given back.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { type Child, type ChildOptions, endChildren, start, startServerProgram } from "./support/child.js";
import { within } from "./support/deadline.js";
import { closeClients, collect, connected, event, join, settled, startAttached } from "./support/nself.js";
import { request } from "./support/raw.js";

const folders: string[] = [];
afterEach(() => {
  closeClients();
  endChildren();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const LINES = 20;
const lines = Array.from({ length: LINES }, (_, i) => `line ${i}`);

/** The ways in: name, mode of fixtures/server.mjs, options of node. */
const WAYS: Array<[string, string, ChildOptions]> = [
  ["attach", "attach", {}],
  ["register()", "register", {}],
  ["--import nself-realtime/register", "none", { node: ["--import", "nself-realtime/register"] }],
  ["listen", "listen", {}],
];

/** A client of a program, and what it is to have got of it when both are gone. */
async function listener(port: number, transport: string) {
  const socket = await connected(port, { transports: [transport] });
  const got = collect(socket, "logs:stream");
  await settled(socket);
  // A polling client has asked again by now; once later requests are answered, its own waits at the server.
  for (let i = 0; i < 3; i++) await request(port, "GET", "/elsewhere");
  const gone = event(socket, "disconnect");
  return {
    async lines(): Promise<string[]> {
      await gone;
      return got.events.map(({ data }) => (data as { line: string }).line);
    },
  };
}

describe.each(WAYS)("opened by %s", (_, mode, options) => {
  const startProgram = () => startServerProgram(mode, {}, options);

  describe.each(["websocket", "polling"])("what is emitted right before the end arrives over %s", (transport) => {
    const polling = transport === "polling";
    test("process.exit, whose code is kept", async () => {
      const program = await startProgram();
      const client = await listener(program.port, transport);
      program.tell("emit", { count: LINES, polling, how: "exit", code: 3 });
      expect(await program.ended()).toEqual({ code: 3, signal: null });
      expect(await client.lines()).toEqual(lines);
    });

    test.each(["SIGTERM", "SIGINT"])("%s, of which the process dies as it would without us", async (signal) => {
      const program = await startProgram();
      const client = await listener(program.port, transport);
      program.tell("emit", { count: LINES, polling, how: signal });
      expect(await program.ended()).toEqual({ code: null, signal });
      expect(await client.lines()).toEqual(lines);
    });

    test("the application's own SIGTERM handler, which emits and exits", async () => {
      const program = await startProgram();
      const client = await listener(program.port, transport);
      program.tell("handle", { signal: "SIGTERM", count: LINES, code: 7, polling });
      expect(await program.messages.next("the handler")).toBe("handling");
      program.process.kill("SIGTERM");
      expect(await program.ended()).toEqual({ code: 7, signal: null });
      expect(await client.lines()).toEqual(lines);
    });

    test("an uncaught exception, which stays one", async () => {
      const program = await startProgram();
      const client = await listener(program.port, transport);
      program.tell("emit", { count: LINES, polling, how: "throw" });
      expect(await program.ended()).toEqual({ code: 1, signal: null });
      expect(program.errors()).toContain("the application's own bug");
      expect(await client.lines()).toEqual(lines);
    });
  });

  test("the process ends by itself after shutdown()", async () => {
    const program = await startProgram();
    const clients = [await listener(program.port, "websocket"), await listener(program.port, "polling")];
    program.tell("shutdown");
    expect(await program.ended()).toEqual({ code: 0, signal: null });
    for (const client of clients) expect(await client.lines()).toEqual([]);
    expect(program.errors()).toBe("");
  });
});

test("the process ends by itself when attach() was called and nothing listens", async () => {
  const program = start("idle.mjs");
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(program.errors()).toBe("");
});

test("--import nself-realtime/register opens nothing in a process without an HTTP server", async () => {
  const program = start("resources-of-idle.mjs", [], { node: ["--import", "nself-realtime/register"] });
  expect(await program.messages.next("its loaded objects")).toEqual([]);
  expect(await program.ended()).toEqual({ code: 0, signal: null });
});

interface Held {
  before: { descriptors: number; threads: number };
  after: { descriptors: number; threads: number };
}

async function held(program: Child): Promise<Held> {
  const report = (await program.messages.next("what the process holds")) as Held;
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(program.errors()).toBe("");
  return report;
}

/** A leak of one in each round is many; one or two more are Node's own. */
function expectNoLeak({ before, after }: Held): void {
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 3);
  expect(after.threads).toBeLessThanOrEqual(before.threads + 3);
}

describe.runIf(process.platform === "linux")("what was opened is given back", () => {
  test.each(["attach", "listen"])("over 30 starts and stops (%s)", async (mode) => {
    const report = await held(start("restarts.mjs", ["30", mode]));
    expectNoLeak(report);
  });

  test("by 12 workers that are terminated while they serve", async () => {
    const report = await held(start("workers.mjs", ["12"]));
    expectNoLeak(report);
  });
});

test("a worker's emits reach the clients of the main thread's server", async () => {
  const running = await startAttached();
  const socket = await connected(running.port);
  await join(socket, "logs:worker");
  const got = collect(socket, "logs:stream");
  const worker = new Worker(fileURLToPath(new URL("./fixtures/worker-emit.mjs", import.meta.url)));
  const report = within("the worker's report", new Promise((resolve) => worker.once("message", resolve)));
  const ended = within("the worker's end", new Promise((resolve) => worker.once("exit", resolve)));
  worker.postMessage("emit");
  expect(await report).toEqual({
    emitted: true,
    presence: 1,
    members: [socket.id],
    getIO: "ERR_NOT_RUNNING",
    attach: "ERR_ALREADY_ATTACHED",
  });
  expect(await ended).toBe(0);
  await got.until(LINES);
  expect(got.events.map(({ data }) => (data as { line: string }).line)).toEqual(lines);
  // The worker's end changed nothing.
  await settled(socket);
  expect(running.server.getPresence()).toHaveLength(1);
  await running.close();
});

/** A copy of the built package in a folder of its own. */
function copyPackage(binary: boolean): string {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const folder = mkdtempSync(joinPath(tmpdir(), "nself-realtime-copy-"));
  folders.push(folder);
  const copy = joinPath(folder, "node_modules", "nself-realtime");
  mkdirSync(copy, { recursive: true });
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const libc = process.platform !== "linux" ? "" : report.header?.glibcVersionRuntime ? "-gnu" : "-musl";
  const suffix = process.platform === "win32" ? "-msvc" : libc;
  const names = ["dist", "native.cjs", "package.json"];
  if (binary) names.push(`nself-realtime.${process.platform}-${process.arch}${suffix}.node`);
  for (const name of names) cpSync(joinPath(root, name), joinPath(copy, name), { recursive: true });
  return copy;
}

test("two copies of the package in one process share one server, and warn once", async () => {
  const [first, second] = [copyPackage(true), copyPackage(true)];
  const program = start("copies.mjs", [first, second]);
  const { port, same } = (await program.messages.next("its port")) as { port: number; same: boolean[] };
  expect(same).toEqual([true, true]);
  const socket = await connected(port);
  const got = collect(socket, "logs:stream");
  program.process.send("emit");
  const report = await program.messages.next("its report");
  expect(report).toEqual({
    emitted: [true, true, true],
    presence: [1, 1, 1],
    warnings: [{ name: "RealtimeWarning", code: "NSELF_DUPLICATE", message: expect.stringContaining(second) }],
  });
  expect(await program.ended()).toEqual({ code: 0, signal: null });
  expect(got.events.map(({ data }) => (data as { line: string }).line)).toEqual(["copy 0", "copy 1", "copy 2"]);
});

test("a missing binary is named: the platform, and the package to install", async () => {
  const copy = copyPackage(false);
  const program = start("no-binary.mjs", [copy], { cwd: copy });
  const errors = await program.messages.next("its errors");
  const name = new RegExp(`nself-realtime-${process.platform}-${process.arch}(-(gnu|musl|msvc))?@\\d+\\.\\d+\\.\\d+`);
  for (const error of errors as Array<{ code: string; message: string; ours: boolean }>) {
    expect(error).toMatchObject({ code: "ERR_NATIVE_MISSING", ours: true });
    expect(error.message).toContain(`${process.platform}-${process.arch}`);
    expect(error.message).toMatch(name);
  }
  expect(errors).toHaveLength(2);
  expect(await program.ended()).toEqual({ code: 0, signal: null });
});
