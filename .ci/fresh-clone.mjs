// `npm run demo` as a newcomer runs it: in a fresh clone, until an event arrives that a button of the page would cause; then Ctrl-C.
// Cargo's target folder is this checkout's, to save time.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import { root, run } from "../scripts/lib/run.mjs";
import { addToTally } from "../scripts/lib/tally.mjs";

const START_LIMIT = 15 * 60_000;
const EVENT_LIMIT = 30_000;
const STOP_LIMIT = 30_000;

function within(limit, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${limit / 1000} s`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A process group of its own, so that a signal reaches all of it, as Ctrl-C in a terminal does. */
function startDemo(folder) {
  const env = { ...process.env, PORT: "0", CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? `${root}/target` };
  const child = spawn("npm", ["run", "demo"], {
    cwd: folder,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Once every process that could write to our pipe is gone.
  const exited = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  const port = new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      process.stdout.write(chunk);
      output += chunk;
      const match = /http:\/\/localhost:(\d+)/.exec(output);
      if (match) resolve(Number(match[1]));
    });
    child.once("error", reject);
    exited.then((code) => reject(new Error(`npm run demo ended (${code}) before it named its URL`)));
  });
  return { port, exited, signal: (name) => process.kill(-child.pid, name) };
}

/** Logs in as the line that the demo prints says. Returns the Cookie header. */
async function logIn(url) {
  const response = await fetch(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "admin", password: "nself-demo" }),
  });
  if (!response.ok) throw new Error(`the login answered ${response.status}`);
  return response.headers.get("set-cookie").split(";")[0];
}

async function seeEvent(url) {
  const cookie = await logIn(url);
  const socket = io(url, {
    path: "/api/ws",
    transports: ["websocket"],
    reconnection: false,
    extraHeaders: { cookie },
  });
  try {
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
    const running = new Promise((resolve) => {
      socket.on("service:status", ({ data }) => data.service === "api" && data.status === "running" && resolve());
    });
    const response = await fetch(`${url}/api/services/start`, {
      method: "POST",
      headers: { "content-type": "application/json", cookie },
      body: '{"service":"api"}',
    });
    if (!response.ok) throw new Error(`POST /api/services/start answered ${response.status}`);
    await running;
  } finally {
    socket.disconnect();
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

const folder = mkdtempSync(join(tmpdir(), "nself-realtime-clone-"));
let demo;
try {
  await run("git", ["clone", "--quiet", root, `${folder}/clone`]);
  demo = startDemo(`${folder}/clone`);
  const port = await within(START_LIMIT, "the demo's URL", demo.port);
  await within(EVENT_LIMIT, "service:status", seeEvent(`http://127.0.0.1:${port}`));
  console.log("an event arrived that the demo's API route emitted");
  demo.signal("SIGINT");
  const code = await within(STOP_LIMIT, "the demo's end after Ctrl-C", demo.exited);
  // npm itself may end by the signal.
  if (![0, 130, "SIGINT"].includes(code)) throw new Error(`the demo ended with ${code} after Ctrl-C`);
  if (!(await isFree(port))) throw new Error(`port ${port} is still in use after the demo ended`);
  console.log("the demo ended on Ctrl-C and freed its port");
  addToTally({ suite: "demo", passed: 1, failed: [] });
} catch (error) {
  console.error(error.message);
  addToTally({ suite: "demo", passed: 0, failed: [{ name: "npm run demo in a fresh clone", reason: error.message }] });
  process.exitCode = 1;
} finally {
  // Whatever is left of it; an error says that nothing is.
  try {
    demo?.signal("SIGKILL");
  } catch {}
  rmSync(folder, { recursive: true, force: true });
}
