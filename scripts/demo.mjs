// `npm run demo`: from a clean clone to the example app in the browser. `npm run demo chat` shows the chat. `-- --dev` runs it by `next dev`.
// Ctrl-C ends it.

import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { EXAMPLES, example } from "./lib/example.mjs";
import { choosePort, HOST } from "./lib/ports.mjs";
import { Failure, main, step } from "./lib/run.mjs";
import { pack } from "./pack.mjs";
import { setup } from "./setup.mjs";

/** The password of a demo; with NSELF_ADMIN_PASSWORD set it is that one, and nobody shows it. */
const DEMO_PASSWORD = "nself-demo";
/** nself-admin's own port. */
const PORT = 3021;
const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 10_000;

/** Starts Next; what it prints is shown once it answers, or if it does not. */
function startNext({ folder, nextBin }, command, port) {
  const child = spawn(process.execPath, [nextBin, command, "-H", HOST, "-p", String(port)], {
    cwd: folder,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let early = "";
  let show = (chunk) => {
    early += chunk;
  };
  child.stdout.on("data", (chunk) => show(chunk));
  child.stderr.on("data", (chunk) => show(chunk));
  const ended = new Promise((resolve) => child.once("close", resolve));
  return {
    child,
    ended,
    early: () => early,
    showOutput() {
      show = (chunk) => process.stdout.write(chunk);
    },
  };
}

/** Resolves once the app answers; rejects if Next ends first or takes too long. */
async function answers(next, url) {
  const deadline = AbortSignal.timeout(START_TIMEOUT);
  let running = true;
  next.ended.then(() => {
    running = false;
  });
  while (running && !deadline.aborted) {
    const response = await fetch(url, { signal: deadline }).catch(() => null);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Failure(`the example did not start${running ? " in time" : ""}:\n${next.early()}`);
}

/** Returns whether a signal asked for the end. */
function stopOnSignals({ child, ended }) {
  let stopping = false;
  const stop = () => {
    stopping = true;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
    ended.then(() => clearTimeout(timer));
  };
  // A terminal's Ctrl-C reaches Next too, and a second one must not end this script before it.
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  // However this script ends, Next does not stay behind.
  process.once("exit", () => child.kill("SIGKILL"));
  return () => stopping;
}

function parse() {
  try {
    return parseArgs({ options: { dev: { type: "boolean", default: false } }, allowPositionals: true });
  } catch (error) {
    throw new Failure(error.message);
  }
}

async function demo() {
  const {
    values: { dev },
    positionals: [name = "nself-admin", ...more],
  } = parse();
  if (!EXAMPLES.includes(name) || more.length > 0)
    throw new Failure(`there is no example "${[name, ...more].join(" ")}"; there are ${EXAMPLES.join(", ")}`);
  await setup();
  await build();
  await pack();
  const app = example(name);
  await app.install();
  if (!dev) await app.build();
  const port = await choosePort(PORT);
  step("starting the example");
  const next = startNext(app, dev ? "dev" : "start", port);
  const stopping = stopOnSignals(next);
  try {
    await answers(next, `http://${HOST}:${port}/`);
  } catch (error) {
    next.child.kill("SIGTERM");
    if (!stopping()) throw error;
  }
  next.showOutput();
  const password = process.env.NSELF_ADMIN_PASSWORD ? "the password you set" : `password ${DEMO_PASSWORD}`;
  const login = name === "nself-admin" ? `log in as admin, ${password}; ` : "";
  if (!stopping()) console.log(`${name} example: http://localhost:${port}  (${login}Ctrl-C stops it)`);
  const code = await next.ended;
  if (!stopping()) throw new Failure(`Next ended by itself (exit code ${code})`);
}

await main(import.meta.url, demo);
