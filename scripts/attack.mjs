// `npm run attack`: attacks our own server over loopback while ten clients that behave measure their latency. None of
// them may be dropped, the p99 must stay under 50 ms, and memory must return. It stops by itself.
// --quick: 20 s, one mode; --only <attack>; --mode <listen|attach>; --write: the table goes into SECURITY.md; --patient: times are shown, and
// not judged, for a machine that does other things, too.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ATTACKS } from "./attack/attacks.mjs";
import { bystanders, hasWebSocket, visitors } from "./attack/bystanders.mjs";
import { pause } from "./attack/wire.mjs";
import { Failure, main, root, run } from "./lib/run.mjs";

/** Longest p99 of those who behave, in ms. */
const MOST_LATENCY = 50;
/** What memory may be above what it was before, in bytes: allocators keep some. */
const MEMORY_SLACK = 48 * 2 ** 20;
/** Time for memory to return, in ms; and for who is patient. */
const SETTLE = 10_000;
const PATIENCE = 120_000;
/** Attackers have machines of their own: they must not compete with those whom they attack for the processor. */
const ATTACKERS_NICENESS = 10;
/** Time for a server to notice that an attacker's connections are gone, in ms. */
const END = 500;
/** Time for abandoned sessions to end by themselves, in ms: the heartbeat of polling ones is 40 s. */
const LAST = 50_000;
const MARKERS = ["<!-- attacks -->", "<!-- /attacks -->"];

const path = (name) => fileURLToPath(new URL(`attack/${name}`, import.meta.url));

async function descriptors() {
  const { output } = await run("sh", ["-c", "ulimit -Hn"], { quiet: true });
  return output.trim() === "unlimited" ? Number.POSITIVE_INFINITY : Number(output);
}

async function ask(target) {
  target.send("look");
  return (await once(target, "message"))[0];
}

/** Runs one attack until its connections are gone, which is a part of it. Returns what it did. */
async function strike(name, port, { seconds, halfOpen, patient }) {
  const attacker = fork(path("attacker.mjs"), [name, port, seconds, halfOpen, patient ? 0 : ATTACKERS_NICENESS]);
  const gone = once(attacker, "exit");
  const [{ load }] = await Promise.race([
    once(attacker, "message"),
    gone.then(([code]) => [{ load: `the attacker failed (${code})` }]),
  ]);
  await gone;
  await pause(END);
  return load;
}

/** How a target is when its memory has come down to `rss`, or does not. */
async function settled(target, rss, { patient }) {
  const deadline = Date.now() + (patient ? PATIENCE : SETTLE);
  for (;;) {
    const state = await ask(target);
    if (state.rss <= rss || Date.now() >= deadline) return state;
    await pause(200);
  }
}

/** What an attack does to a bare HTTP server of Node. */
async function control(name, how) {
  const target = fork(path("target.mjs"), ["bare"], { execArgv: ["--expose-gc"] });
  try {
    const [{ port }] = await once(target, "message");
    const guests = await visitors(port);
    await pause(500);
    guests.measure();
    const before = await ask(target);
    const load = await strike(name, port, how);
    const seen = guests.measure();
    const growth = (await settled(target, before.rss, how)).rss - before.rss;
    guests.close();
    return { name, mode: "Node alone", load, ...seen, growth, refused: 0, result: "for comparison" };
  } finally {
    target.kill();
  }
}

/** Attacks one server with all of `names`. */
async function campaign(mode, names, how) {
  const target = fork(path("target.mjs"), [mode], { execArgv: ["--expose-gc"] });
  const rows = [];
  const add = (row) => {
    rows.push(row);
    console.log(line(row));
  };
  let slack = MEMORY_SLACK;
  try {
    const [{ port }] = await once(target, "message");
    const guests = await bystanders(port);
    await pause(500);
    guests.measure();
    let before = await ask(target);
    for (const name of names) {
      // What Node keeps and how long it is busy is not ours: polling clients, which it serves, wait for it.
      const isNodes = mode === "attach" && ATTACKS[name].isNodes;
      if (isNodes) {
        add(await control(name, how));
        slack += Math.max(0, rows.at(-1).growth);
        guests.measure();
      }
      const load = await strike(name, port, how);
      const seen = guests.measure(isNodes ? hasWebSocket : undefined);
      const after = await settled(target, before.rss + slack, how);
      guests.measure();
      const growth = after.rss - before.rss;
      const broken = [
        seen.dropped === 0 ? "" : `${seen.dropped} dropped`,
        how.patient || seen.judged < MOST_LATENCY ? "" : "too slow",
        growth <= slack ? "" : "memory kept",
        after.polluted ? "prototype polluted" : "",
        load.includes("failed") ? "no attack" : "",
      ].filter(Boolean);
      const waits =
        how.patient || seen.p99 < MOST_LATENCY ? "" : `; WebSockets ${seen.judged.toFixed(1)}, polling waits for Node`;
      add({
        name,
        mode,
        load,
        ...seen,
        growth,
        refused: after.refused - before.refused + after.limited - before.limited,
        isHeld: broken.length === 0,
        result: broken.length === 0 ? `held${waits}` : broken.join(", "),
      });
      before = { ...after, rss: before.rss };
    }
    add(await aftermath(target, mode, guests, how));
    guests.close();
  } finally {
    target.kill();
  }
  return rows;
}

/** What the attackers left behind ends by itself. */
async function aftermath(target, mode, guests, { patient }) {
  const start = Date.now();
  let { open } = await ask(target);
  const left = open - 10;
  while (open > 10 && Date.now() < start + (patient ? PATIENCE : LAST)) {
    await pause(200);
    ({ open } = await ask(target));
  }
  await pause(1000);
  const seen = guests.measure();
  const load = `${left} abandoned sessions, gone after ${Math.round((Date.now() - start) / 1000)} s`;
  const isHeld = open === 10 && seen.dropped === 0;
  const result = isHeld ? "held" : `${open - 10} left`;
  return { name: "afterwards", mode, load, ...seen, growth: 0, refused: 0, isHeld, result };
}

const HEAD = [
  "| attack | mode | load | refused by a limit | p50, p99, max of the others, ms | memory, MiB | result |",
  "|---|---|---|---|---|---|---|",
];

function line({ name, mode, load, refused, p50, p99, max, growth, result }) {
  const ms = [p50, p99, max].map((value) => value.toFixed(1)).join(", ");
  const memory = `${growth >= 0 ? "+" : "−"}${(Math.abs(growth) / 2 ** 20).toFixed(0)}`;
  return `| ${name} | ${mode} | ${load} | ${refused} | ${ms} | ${memory} | ${result} |`;
}

async function attack() {
  const { values: options } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      patient: { type: "boolean", default: false },
      only: { type: "string" },
      mode: { type: "string" },
      seconds: { type: "string" },
    },
  });
  const names = Object.keys(ATTACKS).filter((name) => !options.only || name.includes(options.only));
  if (names.length === 0) throw new Failure(`there is no such attack; there are ${Object.keys(ATTACKS).join(", ")}`);
  const seconds = Number(options.seconds ?? (options.quick ? 1 : 5));
  const modes = options.mode ? [options.mode] : options.quick ? ["listen"] : ["listen", "attach"];
  // Node has raised its own limit to the hard one.
  const halfOpen = Math.min(options.quick ? 1000 : 10_000, (await descriptors()) - 500);
  console.log(HEAD.join("\n"));
  const how = { seconds, halfOpen, patient: options.patient };
  const rows = [];
  for (const mode of modes) rows.push(...(await campaign(mode, names, how)));
  if (options.write) write(rows, seconds);
  const broken = rows.filter(({ isHeld }) => isHeld === false);
  if (broken.length > 0)
    throw new Failure(`not held: ${broken.map(({ name, mode }) => `${name} (${mode})`).join(", ")}`);
}

function write(rows, seconds) {
  const file = `${root}/SECURITY.md`;
  const [before, rest] = readFileSync(file, "utf8").split(MARKERS[0]);
  const after = rest.split(MARKERS[1])[1];
  const machine = `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`;
  const text = [`Machine: ${machine}. Each attack ran for ${seconds} s.`, "", ...HEAD, ...rows.map(line)].join("\n");
  writeFileSync(file, `${before}${MARKERS[0]}\n${text}\n${MARKERS[1]}${after}`);
}

await main(import.meta.url, attack);
