// What every server in JavaScript shares: the commands of the runner, as JSON lines on standard input, and the clock.
//
// | command | does | answer |
// |---|---|---|
// | usage | | `cpu` µs of all threads so far |
// | memory | collects garbage, lets it settle | `rss` KiB |
// | members | | how many are in `room` |
// | burst | `events` emits to `room` in one go | `cpu` before, `micros` an emit |
// | steady | `events` emits to `room`, `rate` a second | the same when the last is out; `micros` is the median of the single emits |
// | warm | `emits` emits to `room`, which nobody is in, in turns of a thousand: the compiler has done its work then | |
// | rooms | `rounds` × one emit to each of `rooms` rooms, in one go | `cpu` before |
//
// `kind` is how to emit: `plain` as Socket.IO does, `array` with ten events packed into one packet by the application; ours
// knows `batch` too, where the server gathers unchanged packets, and `typed`, the emitters of the nself layer.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** Length in bytes of an event as it is sent, without the frame's header. */
const EVENT_BYTES = 200;
/** Events that one packet of kind `array` carries. */
const BATCH = 10;
/** What a timer may be late by; more than that counts as the server's delay, in nanoseconds. */
const TIMER_SLACK = 2_000_000n;

const plainLength = JSON.stringify(["logs:stream", eventData(0n, "")]).length + 2 + 18;
const padding = "x".repeat(EVENT_BYTES - plainLength);

function eventData(time, pad) {
  return { service: "api", line: `t=${time} ${pad}`, timestamp: "2026-01-01T00:00:00.000Z", level: "info" };
}

/** An event of 200 bytes that says when it was meant to be sent. */
function event(time) {
  return eventData(stamp(time), padding);
}

/** The same for an envelope, which takes the room of the padding. */
export function bareEvent(time) {
  return eventData(stamp(time), "");
}

function stamp(time = process.hrtime.bigint()) {
  return String(time).padStart(19, "0");
}

/**
 * Runs a server under the runner's control.
 * `server`: `{ port, path, versions, members(room), emit(room, name, data), kinds? }`. The room "" is everybody.
 * `kinds[kind]`: `{ make(time), emit(room, data) }`, more ways to emit than `plain` and `array`, which are built in.
 * Data is made before the clock starts.
 */
export function serve(server) {
  const kinds = {
    plain: { make: event, emit: (room, data) => server.emit(room, "logs:stream", data) },
    array: { make: event, emit: arrays((room, events) => server.emit(room, "logs:stream", events)) },
    ...server.kinds,
  };
  const commands = {
    usage() {
      return { cpu: cpu() };
    },
    async memory() {
      for (let turn = 0; turn < 3; turn++) {
        globalThis.gc?.();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return { rss: rss() };
    },
    async members({ room }) {
      return { members: await server.members(room) };
    },
    burst({ room, events, kind }) {
      const { make, emit } = kinds[kind];
      const data = Array.from({ length: events }, () => make());
      const before = cpu();
      const started = performance.now();
      for (const item of data) emit(room, item);
      return { cpu: before, micros: ((performance.now() - started) * 1000) / events };
    },
    async steady({ room, events, rate, kind }) {
      const { make, emit } = kinds[kind];
      const gap = 1e9 / rate;
      const first = process.hrtime.bigint() + 10_000_000n;
      const micros = [];
      const before = cpu();
      for (let i = 0; i < events; i++) {
        const due = first + BigInt(Math.round(i * gap));
        await until(due);
        const now = process.hrtime.bigint();
        const data = make(now - due < TIMER_SLACK ? now : due);
        const started = performance.now();
        emit(room, data);
        micros.push((performance.now() - started) * 1000);
      }
      micros.sort((a, b) => a - b);
      return { cpu: before, micros: micros[micros.length >> 1] };
    },
    async warm({ room, emits, kind }) {
      const { make, emit } = kinds[kind];
      for (let i = 0; i < emits; i++) {
        emit(room, make());
        if (i % 1000 === 999) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return {};
    },
    rooms({ prefix, rooms, rounds }) {
      const data = event();
      const before = cpu();
      for (let round = 0; round < rounds; round++) {
        for (let room = 0; room < rooms; room++) kinds.plain.emit(prefix + room, data);
      }
      return { cpu: before };
    },
  };

  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const command = JSON.parse(line);
    say({ id: command.id, ...(await commands[command.do](command)) });
  });
  // The runner has gone, however it ended.
  lines.on("close", () => process.exit(0));
  say({ port: server.port, path: server.path, versions: { node: process.versions.node, ...server.versions } });
}

/** Gathers ten events into one packet with an array: what an application can do by itself. */
function arrays(send) {
  let waiting = [];
  return (room, data) => {
    waiting.push(data);
    if (waiting.length === BATCH) {
      send(room, waiting);
      waiting = [];
    }
  };
}

function until(due) {
  const wait = Number(due - process.hrtime.bigint()) / 1e6;
  return wait > 0 ? new Promise((resolve) => setTimeout(resolve, wait)) : undefined;
}

function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function rss() {
  return Number(/^Rss:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))[1]);
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
