// `npm run soak`: does a server that runs for long keep anything? Clients come and go in every way there is, some do not
// read, some are killed, while all events are emitted in bursts. In the end everybody leaves, and what the server holds
// must be what it held after a first, short round. `--minutes 3` is the default; take hours for a release.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "./build.mjs";
import { Failure, main } from "./lib/run.mjs";
import { setup } from "./setup.mjs";
import { pause } from "./soak/rooms.mjs";

/** Resident memory may be higher than after the first round by this: allocators keep some of what they gave once. */
const MEMORY = { bytes: 10 * 2 ** 20, share: 0.1 };
/** Longest time for everything to be given back, in ms. Killed polling clients are missed after two ping intervals. */
const PATIENCE = 30_000;
const STEADY = 80;
const KILLED = 40;

const path = (name) => fileURLToPath(new URL(`soak/${name}.mjs`, import.meta.url));

function start(name, args = [], execArgv = []) {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = fork(path(name), args, { execArgv, env });
  const ended = once(child, "close");
  const crash = ended.then(([code, signal]) => {
    throw new Failure(`${name} ended by itself (${signal ?? code})`);
  });
  // Only for who waits for something else meanwhile.
  crash.catch(() => {});
  const told = async (key) => {
    let hear;
    const answer = new Promise((resolve) => {
      hear = (message) => key in message && resolve(message[key]);
      child.on("message", hear);
    });
    try {
      return await Promise.race([answer, crash]);
    } finally {
      child.off("message", hear);
    }
  };
  /** Waits, unless the program ends before. */
  const alive = (ms) => Promise.race([pause(ms), crash]);
  return { child, ended, told, alive };
}

async function ask(server, command, key) {
  const answer = server.told(key);
  server.child.send(command);
  return answer;
}

const report = (server) => ask(server, "report", "report");

/** What must be gone when nobody is there. */
const left = ({ connections, sockets, rooms, waiting, objects, producers }) => ({
  polling: connections.polling,
  websocket: connections.websocket,
  sockets,
  rooms,
  waiting: waiting.bytes,
  objects,
  producers,
});

const isEmpty = (held) => Object.values(left(held)).every((count) => count === 0);

/** Waits until the server holds nothing, and no more than `limits`, or patience is over. Gives what it holds. */
async function settle(server, limits) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    server.child.send("collect");
    const held = await report(server);
    const fine = isEmpty(held) && (!limits || (held.fds <= limits.fds && held.rss <= limits.rss));
    if (fine || Date.now() > end) return held;
    await pause(500);
  }
}

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function row(seconds, held, before) {
  const grown = (field) => held[field] - before[field];
  const dropped = Object.keys(held.dropped).reduce((sum, why) => sum + held.dropped[why] - before.dropped[why], 0);
  const { polling, websocket } = held.connections;
  return (
    `${String(Math.round(seconds)).padStart(6)} s  clients ${websocket}+${polling}  opened ${grown("opened")}  ` +
    `events ${grown("eventsOut")}  deliveries ${grown("deliveries")}  dropped ${dropped}  slow ${grown("slowClients")}  ` +
    `rss ${mebibytes(held.rss)}  fds ${held.fds}`
  );
}

/** Clients for so long; then all leave. Gives what they saw. */
async function round(server, port, ms, tick) {
  const steady = start("clients", [port, STEADY]);
  let killed = start("clients", [port, KILLED]);
  server.child.send("emit");
  const end = Date.now() + ms;
  while (Date.now() < end) {
    await steady.alive(Math.min(5000, end - Date.now()));
    killed.child.kill("SIGKILL");
    await killed.ended;
    if (Date.now() < end) killed = start("clients", [port, KILLED]);
    await tick?.();
  }
  const totals = await ask(steady, "leave", "totals");
  await steady.ended;
  server.child.send("rest");
  return totals;
}

/** Runs the soak test; `print` gets a line for each period. Gives what went wrong, in words: nothing, if all is well. */
export async function soak({ minutes, print }) {
  const server = start("server", [], ["--expose-gc"]);
  try {
    const port = await server.told("port");
    const total = minutes * 60_000;
    await round(server, port, Math.min(30_000, Math.max(10_000, total / 3)));
    const before = await settle(server);
    const limits = {
      fds: before.fds,
      rss: before.rss + Math.max(MEMORY.bytes, before.rss * MEMORY.share),
    };
    print(row(0, before, before));
    if (!isEmpty(before)) return [`after the first round: ${JSON.stringify(left(before))}`];

    const begun = Date.now();
    let last = before;
    let printed = begun;
    const totals = await round(server, port, total, async () => {
      if (Date.now() - printed < Math.min(10_000, total / 4)) return;
      printed = Date.now();
      const held = await report(server);
      print(row((printed - begun) / 1000, held, last));
      last = held;
    });
    const after = await settle(server, limits);
    print(row((Date.now() - begun) / 1000, after, before));
    print(
      `${totals.lives} lives of clients that were not killed: ${totals.lines} lines came, ${totals.missing} in gaps`,
    );

    const wrong = totals.broken.map((what) => `lost without a word: ${what}`);
    if (!isEmpty(after)) wrong.push(`left over: ${JSON.stringify(left(after))}`);
    if (after.fds > limits.fds) wrong.push(`${after.fds} descriptors instead of ${before.fds}`);
    if (after.rss > limits.rss) {
      wrong.push(
        `${mebibytes(after.rss)} resident instead of ${mebibytes(before.rss)}, at most ${mebibytes(limits.rss)}`,
      );
    }
    if (totals.lines === 0 || totals.missing === 0) wrong.push("nothing was tested: no lines, or no gaps");
    return wrong;
  } finally {
    server.child.kill("SIGKILL");
  }
}

await main(import.meta.url, async () => {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "3" } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Failure("--minutes needs a number");
  await setup();
  await build();
  const wrong = await soak({ minutes, print: console.log });
  if (wrong.length > 0) throw new Failure(`what did not return:\n${wrong.join("\n")}`);
  console.log("everything returned to where it started");
});
