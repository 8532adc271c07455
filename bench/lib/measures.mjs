// What is measured, in scenes: one server process and one load generator each.
import { LOADGEN } from "../servers/index.mjs";
import { Child } from "./child.mjs";

const EVENT = "logs:stream";
const SMALL_ROOM = 10;

/** The groups, as `--only` takes them, by scene. */
export const SCENES = [
  { name: "own rooms", groups: ["connect", "memory", "ack", "rooms", "lone", "logs"], run: ownRooms },
  { name: "one room", groups: ["burst", "batch", "steady", "typed", "ack-js"], joined: true, run: oneRoom },
  { name: "many", groups: ["many"], run: many },
];

/**
 * Runs a scene against a server. Returns `{ versions, values }`: measured values by the row's name (see rows.mjs).
 * `wants(group)` says which groups to measure; `size` holds the amounts.
 */
export async function runScene(scene, server, wants, size) {
  const children = [];
  const start = (name, command, args) => {
    const child = new Child(name, command, args);
    children.push(child);
    return child;
  };
  try {
    const child = start(server.label, ...server.command(scene.joined));
    const { port, path, versions } = await child.ready;
    const load = start("the load generator", LOADGEN, []);
    const values = {};
    await scene.run(new Bench(child, load, port, path), { server, wants, size, values });
    return { versions, values };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** One server and one load generator. */
class Bench {
  #armed = 0;

  constructor(server, load, port, path) {
    Object.assign(this, { server, load, port, path });
  }

  connect(clients) {
    return this.load.ask({ do: "connect", port: this.port, path: this.path, clients, inflight: 64 }, 120);
  }

  async cpu() {
    return (await this.server.ask({ do: "usage" })).cpu;
  }

  async memory() {
    return (await this.server.ask({ do: "memory" })).rss;
  }

  /** Resolves when the server, too, has all of them in the room. */
  async members(room, count) {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { members } = await this.server.ask({ do: "members", room });
      if (members === count) return;
      if (Date.now() > deadline) throw new Error(`${members} of ${count} clients are in the room`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async acks(options) {
    const { refused, ...answer } = await this.load.ask({ do: "acks", outstanding: 100, size: 1, ...options });
    if (refused) throw new Error(`${refused} of ${options.total} acknowledgements say no`);
    return answer;
  }

  /** Emits by `command` and waits for all `deliveries`. Answers of both sides, and the server's CPU time in between. */
  async deliver(command, deliveries, { event = EVENT, latency = false } = {}) {
    const armed = await this.load.ask({ do: "expect", event, deliveries, latency });
    if (armed.before !== this.#armed) throw new Error(`${armed.before} deliveries instead of ${this.#armed}`);
    this.#armed = deliveries;
    const arrived = this.load.done(armed.id, 60);
    const sent = await this.server.ask(command);
    const got = await arrived.catch(async (error) => {
      const { status } = await this.load.ask({ do: "status" });
      throw new Error(`${error.message}: ${status.delivered} of ${deliveries} deliveries arrived`);
    });
    return { ...sent, ...got, cpu: (await this.cpu()) - sent.cpu };
  }

  /** Lets a JavaScript server's compiler finish before anything is measured: a server lives longer than that takes. */
  async warm({ server, size, kind = "plain" }) {
    if (server.crate) return;
    await this.server.ask({ do: "warm", room: "nobody", emits: size.emits, kind });
  }

  /**
   * Several bursts, after some to warm up. The mean CPU time of all of them, and the median time of their emits: where the
   * clients take the thread's core away in the middle of one, that says nothing of the server.
   */
  async bursts({ room, members, events, kind, times, warm, perEvent = 1, event }) {
    const deliveries = Math.round(events * members * perEvent);
    const micros = [];
    let cpu = 0;
    for (let i = -warm; i < times; i++) {
      const got = await this.deliver({ do: "burst", room, events, kind }, deliveries, { event });
      if (i < 0) continue;
      cpu += got.cpu / times;
      micros.push(got.micros);
    }
    micros.sort((a, b) => a - b);
    return { cpu: cpu / (events * members), micros: micros[micros.length >> 1] };
  }
}

/** Clients that the server's JavaScript does not listen to (where it need not). */
async function ownRooms(bench, { server, wants, size, values }) {
  const warm = Math.floor(size.clients / 5);
  const measured = size.clients - warm;
  await bench.connect(warm);
  const rss = wants("memory") && (await bench.memory());
  const before = await bench.cpu();
  const { seconds } = await bench.connect(measured);
  values["connects a second"] = measured / seconds;
  values.connect = ((await bench.cpu()) - before) / measured;
  if (wants("memory")) values.memory = ((await bench.memory()) - rss) / measured;

  if (wants("ack")) {
    // The first round joins; those that are measured find the client in its room.
    await bench.acks({ event: "join:room", room: "own-", total: size.clients });
    const start = await bench.cpu();
    const total = size.clients * size.acks;
    const { latency } = await bench.acks({ event: "join:room", room: "own-", total });
    values.ack = ((await bench.cpu()) - start) / total;
    values["ack p50"] = latency.p50 / 1000;
  }
  if (!["rooms", "lone", "logs"].some(wants)) return;

  // Twice: when the second answer is here, so is all that the joins of the others made the server send.
  for (let i = 0; i < 2; i++) {
    await bench.acks({ event: "join:room", room: "small-", size: SMALL_ROOM, total: size.clients });
  }
  const rooms = size.clients / SMALL_ROOM;
  await bench.warm({ server, size });
  if (wants("rooms")) {
    const emits = rooms * size.rounds;
    let cpu = 0;
    for (let i = -size.warm; i < size.bursts; i++) {
      const command = { do: "rooms", prefix: "small-", rooms, rounds: size.rounds };
      const got = await bench.deliver(command, emits * SMALL_ROOM);
      if (i >= 0) cpu += got.cpu / size.bursts;
    }
    values["small rooms"] = cpu / emits;
  }
  const batching = server.kinds?.includes("batch");
  const steady = (kind, rate, events) =>
    bench.deliver({ do: "steady", room: "small-0", events, rate, kind }, events * SMALL_ROOM, { latency: true });
  if (wants("lone")) {
    const { latency } = await steady("plain", 5, size.lone);
    values["lone p50"] = latency.p50 / 1000;
    values["lone p99"] = latency.p99 / 1000;
    if (batching) values["lone batched p50"] = (await steady("batch", 5, size.lone)).latency.p50 / 1000;
  }
  if (wants("logs")) {
    const { reads, delivered } = await steady(batching ? "batch" : "plain", 200, size.logs);
    values["writes saved"] = 100 * (1 - reads / delivered);
  }
}

/** Everybody in one room. */
async function oneRoom(bench, { server, wants, size, values }) {
  const [room, members] = ["bench", size.clients];
  await bench.connect(members);
  if (!server.floor) await bench.members(room, members);
  const target = { room: server.floor ? "" : room, members, events: 100, times: size.bursts, warm: 2 * size.warm };

  await bench.warm({ server, size });
  if (wants("burst")) {
    const got = await bench.bursts({ ...target, kind: "plain" });
    values.burst = got.cpu;
    if (!server.crate) values["burst emit"] = got.micros;
  }
  if (wants("batch")) {
    const kind = server.kinds?.includes("batch") ? "batch" : "array";
    // The floor knows no arrays: it writes single packets, as a server that gathers them does.
    const perEvent = kind === "array" && !server.floor ? 1 / 10 : 1;
    values["batched burst"] = (await bench.bursts({ ...target, kind, perEvent })).cpu;
  }
  if (wants("steady")) {
    const events = size.steady * 20;
    const command = { do: "steady", room: target.room, events, rate: 20, kind: "plain" };
    const got = await bench.deliver(command, events * members, { latency: true });
    values.steady = got.cpu / (events * members);
    if (!server.crate) values["lone emit"] = got.micros;
    values["steady p50"] = got.latency.p50 / 1000;
    values["steady p99"] = got.latency.p99 / 1000;
  }
  if (wants("typed") && server.kinds?.includes("typed")) {
    const event = "service:status";
    await bench.warm({ server, size, kind: "typed" });
    values["typed burst emit"] = (await bench.bursts({ ...target, kind: "typed", event })).micros;
    const command = { do: "steady", room, events: size.steady * 20, rate: 20, kind: "typed" };
    values["typed lone emit"] = (await bench.deliver(command, size.steady * 20 * members, { event })).micros;
  }
  if (wants("ack-js") && !server.crate) {
    await bench.acks({ event: "echo", room: "any-", total: members });
    const start = await bench.cpu();
    const total = members * size.acks;
    await bench.acks({ event: "echo", room: "any-", total });
    values["ack in JavaScript"] = ((await bench.cpu()) - start) / total;
  }
}

/** Thousands of idle connections, then a burst to all of them. */
async function many(bench, { server, size, values }) {
  const warm = Math.floor(size.many / 20);
  await bench.connect(warm);
  const rss = await bench.memory();
  await bench.connect(size.many - warm);
  values["memory, many"] = ((await bench.memory()) - rss) / (size.many - warm);
  await bench.warm({ server, size });
  const all = { room: "", members: size.many, kind: "plain", times: size.bursts };
  // Long bursts first: they warm up for the short ones, too.
  const long = await bench.bursts({ ...all, events: 100, times: 3, warm: 1 });
  values["long burst, many"] = long.cpu;
  if (!server.crate) values["burst emit, many"] = long.micros;
  values["burst, many"] = (await bench.bursts({ ...all, events: 20, warm: size.warm })).cpu;
  const events = size.steady * 2;
  const steady = { do: "steady", room: "", events, rate: 2, kind: "plain" };
  values["steady, many"] = (await bench.deliver(steady, events * size.many)).cpu / (events * size.many);
}
