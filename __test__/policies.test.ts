// What happens to a client that reads too slowly: what waits for it never passes maxOutbox, and each event's policy says
// whether the newest of a key stays, a gap event tells what is missing, or the client is closed.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Envelope } from "../ts/events.js";
import { type Attached, connected, event, realtime, startAttached } from "./support/nself.js";
import { dropConnections } from "./support/raw.js";
import { Reader, type Received, TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";

vi.setConfig({ testTimeout: 30_000 });

const { emitBuildProgress, emitDbQueryResult, emitDeployProgress, emitDockerStats, emitLogStream, emitServiceStatus } =
  realtime;

const MAX_OUTBOX = 20_000;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const turn = () => new Promise((resolve) => setImmediate(resolve));

let running: Attached;
const closers: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: Parameters<typeof startAttached>[0] = {}): Promise<Attached> {
  running = await startAttached({ maxOutbox: MAX_OUTBOX, ...options });
  closers.push(running.close);
  return running;
}

/** A paused client in rooms. */
async function paused(transport: (typeof TRANSPORTS)[number], ...rooms: string[]): Promise<Reader> {
  return (await Reader.open(transport, running.port, { rooms })).pause();
}

/** The kernel takes the first megabytes for a WebSocket, so such a client gets more, and larger events. */
const AMOUNTS = { polling: { count: 2000, size: 20 }, websocket: { count: 6000, size: 2000 } };

/** Emits numbers 0 to below `count`. What waits for the client furthest behind is never more than allowed. */
async function flood(count: number, emit: (n: number) => unknown): Promise<void> {
  for (let n = 0; n < count; n++) {
    emit(n);
    if (n % 100 === 99) {
      expect(running.server.stats().waiting.largest).toBeLessThanOrEqual(MAX_OUTBOX);
      await turn();
    }
  }
}

interface Gap {
  event: string;
  room?: string;
  count: number;
  from: string;
  to: string;
}

describe.each(TRANSPORTS)("latest, over %s", (transport) => {
  const { count, size } = AMOUNTS[transport];
  const pad = "x".repeat(size);
  const STATES = ["running", "stopped", "starting", "stopping", "unhealthy"] as const;

  /** Each of the events with this policy: how to emit number n of key k, and how to read both. */
  const kinds: Array<[string, (k: number, n: number) => void, (envelope: Envelope) => [string, number]]> = [
    [
      "docker:stats by containerId",
      (k, n) =>
        emitDockerStats(
          {
            ...samples.dockerStats,
            containerId: `c${k}`,
            containerName: pad,
            stats: { ...samples.dockerStats.stats, cpu: n },
          },
          "r",
        ),
      ({ data }) => {
        const { containerId, stats } = data as typeof samples.dockerStats;
        return [containerId, stats.cpu];
      },
    ],
    [
      "service:status by service",
      (k, n) =>
        emitServiceStatus(
          {
            ...samples.serviceStatus,
            service: `c${k}`,
            status: STATES[n % STATES.length]!,
            containerId: pad,
            resources: { cpu: n },
          },
          "r",
        ),
      ({ data }) => {
        const { service, resources } = data as typeof samples.serviceStatus;
        return [service, resources?.cpu ?? -1];
      },
    ],
    [
      "build:progress by step",
      (k, n) =>
        emitBuildProgress(
          { ...samples.buildProgress, step: `c${k}`, message: pad, currentStep: n, progress: n % 100 },
          "r",
        ),
      ({ data }) => {
        const { step, currentStep } = data as typeof samples.buildProgress;
        return [step, currentStep ?? -1];
      },
    ],
    [
      "deploy:progress by stage",
      (k, n) => emitDeployProgress({ ...samples.deployProgress, stage: `c${k}`, logs: [String(n), pad] }, "r"),
      ({ data }) => {
        const { stage, logs } = data as typeof samples.deployProgress;
        return [stage, Number(logs[0])];
      },
    ],
  ];

  test.each(kinds)(
    "of %s the newest of every key arrives, in order, and dropped.latest counts the rest",
    async (_, emit, read) => {
      const { server } = await start();
      const reader = await paused(transport, "r");
      const KEYS = 3;
      const newest = new Map<string, number>();
      await flood(count, (n) => {
        emit(n % KEYS, n);
        newest.set(`c${n % KEYS}`, n);
      });
      server.broadcast("end", null);
      const stats = server.stats();
      const got = (await reader.until("end")).map(([, envelope]) => read(envelope));

      const numbers = got.map(([, n]) => n);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(new Map(got)).toEqual(newest);
      expect(got.length).toBeLessThan(count);
      expect(stats).toMatchObject({
        dropped: { latest: count - got.length, gap: 0, closed: 0 },
        gaps: 0,
        slowClients: 0,
      });
    },
  );

  test("the same key in another room, or of another event, is another state", async () => {
    const { server } = await start();
    const reader = await paused(transport, "r", "s");
    await flood(count, (n) => {
      const room = n % 2 ? "r" : "s";
      if (n % 4 < 2) emitDockerStats({ ...samples.dockerStats, containerName: `${n} ${pad}` }, room);
      else
        emitServiceStatus(
          { ...samples.serviceStatus, service: samples.dockerStats.containerId, containerId: `${n} ${pad}` },
          room,
        );
    });
    server.broadcast("end", null);
    const got = await reader.until("end");
    const last = new Map<string, number>();
    for (const [name, { room, data }] of got)
      last.set(`${name} ${room}`, Number.parseInt(data.containerName ?? data.containerId, 10));
    expect(Object.fromEntries(last)).toEqual({
      "docker:stats s": count - 4,
      "docker:stats r": count - 3,
      "service:status s": count - 2,
      "service:status r": count - 1,
    });
  });

  test("a deployment to staging is another than one to production", async () => {
    const { server } = await start();
    const reader = await paused(transport, "r");
    await flood(count, (n) =>
      emitDeployProgress(
        { ...samples.deployProgress, environment: n % 2 ? "staging" : "production", logs: [String(n), pad] },
        "r",
      ),
    );
    server.broadcast("end", null);
    const last = new Map<string, number>();
    for (const [, { data }] of await reader.until("end")) last.set(data.environment, Number(data.logs[0]));
    expect(Object.fromEntries(last)).toEqual({ production: count - 2, staging: count - 1 });
  });
});

/** Checks that lines and gaps of one room tell of every number below `count`, in order; gives the gaps. */
function expectWhole(got: Received[], count: number, room: string | undefined, times?: number[]): Gap[] {
  const gaps: Gap[] = [];
  let next = 0;
  for (const [name, envelope] of got) {
    if (envelope.room !== room) continue;
    if (name === "logs:stream") {
      expect(Number.parseInt(envelope.data.line, 10)).toBe(next++);
      continue;
    }
    expect(name).toBe("gap");
    const gap = envelope.data as Gap;
    expect(gap).toEqual({
      event: "logs:stream",
      ...(room === undefined ? {} : { room }),
      count: expect.any(Number),
      from: expect.stringMatching(ISO),
      to: expect.stringMatching(ISO),
    });
    expect(envelope).toEqual({ type: "gap", data: gap, timestamp: gap.to, ...(room === undefined ? {} : { room }) });
    expect(gap.count).toBeGreaterThan(0);
    if (times) {
      expect(Math.abs(Date.parse(gap.from) - times[next]!)).toBeLessThan(50);
      expect(Math.abs(Date.parse(gap.to) - times[next + gap.count - 1]!)).toBeLessThan(50);
    }
    next += gap.count;
    gaps.push(gap);
  }
  expect(next).toBe(count);
  return gaps;
}

const sum = (gaps: Gap[]) => gaps.reduce((total, { count }) => total + count, 0);

describe.each(TRANSPORTS)("gap, over %s", (transport) => {
  const { count, size } = AMOUNTS[transport];
  const pad = "x".repeat(size);

  test.each([
    ["a room", "logs:api"],
    ["everybody", undefined],
  ])("of log lines to %s a gap event in their place tells which are missing", async (_, room) => {
    const { server } = await start();
    const reader = await paused(transport, "logs:api");
    const times: number[] = [];
    await flood(count, (n) => {
      times.push(Date.now());
      emitLogStream(samples.log(`${n} ${pad}`), room);
    });
    server.broadcast("end", null);
    const stats = server.stats();
    const got = (await reader.until("end")).filter(([name]) => !name.startsWith("room:"));
    const gaps = expectWhole(got, count, room, times);
    expect(gaps.length).toBeGreaterThan(0);
    // The newest lines are those that stay.
    expect(got.at(-1)?.[1].data.line).toBe(`${count - 1} ${pad}`);
    expect(stats).toMatchObject({ dropped: { gap: sum(gaps), latest: 0, closed: 0 }, slowClients: 0 });
    expect(stats.gaps).toBeGreaterThanOrEqual(gaps.length);
  });

  test("each room's lines have gaps of their own", async () => {
    const { server } = await start();
    const reader = await paused(transport, "logs:api", "logs:db");
    await flood(count, (n) => emitLogStream(samples.log(`${n >> 1} ${pad}`), n % 2 ? "logs:api" : "logs:db"));
    server.broadcast("end", null);
    const got = (await reader.until("end")).filter(([name]) => !name.startsWith("room:"));
    const gaps = ["logs:api", "logs:db"].map((room) => sum(expectWhole(got, count / 2, room)));
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    expect(server.stats().dropped.gap).toBe(gaps[0]! + gaps[1]!);
  });

  test("a client that reads now and then gets a gap for each time it did not", async () => {
    const { server } = await start();
    const reader = await paused(transport, "logs:api");
    const got: Received[] = [];
    for (let round = 0; round < 3; round++) {
      await flood(count, (n) => emitLogStream(samples.log(`${round * count + n} ${pad}`), "logs:api"));
      server.broadcast("end", null);
      got.push(...(await reader.until("end")));
      reader.pause();
    }
    const gaps = expectWhole(got, 3 * count, "logs:api");
    expect(gaps.length).toBeGreaterThanOrEqual(3);
    expect(server.stats().dropped.gap).toBe(sum(gaps));
  });

  test("what has another policy keeps it: newest states stay, and what may not be dropped stays in its place", async () => {
    const { server } = await start();
    const reader = await paused(transport, "r");
    await flood(count, (n) => {
      emitLogStream(samples.log(`${n} ${pad}`), "r");
      if (n % 2) emitDockerStats({ ...samples.dockerStats, containerName: String(n) }, "r");
      if (n === count / 4 || n === count / 2) emitDbQueryResult({ ...samples.dbQueryResult, queryId: String(n) }, "r");
    });
    server.broadcast("end", null);
    const got = (await reader.until("end")).filter(([name]) => !name.startsWith("room:"));
    const of = (...names: string[]) => got.filter(([name]) => names.includes(name));
    const gaps = expectWhole(of("logs:stream", "gap"), count, "r");
    const states = of("docker:stats").map(([, { data }]) => Number(data.containerName));
    expect(states).toEqual([...states].sort((a, b) => a - b));
    expect(states.at(-1)).toBe(count - 1);
    expect(of("db:query:result").map(([, { data }]) => Number(data.queryId))).toEqual([count / 4, count / 2]);
    expect(server.stats().dropped).toEqual({
      gap: sum(gaps),
      latest: count / 2 - states.length,
      volatile: 0,
      closed: 0,
    });
  });
});

describe.each(TRANSPORTS)("close, over %s", (transport) => {
  const { size } = AMOUNTS[transport];
  const rows = [{ pad: "x".repeat(size) }];

  test.each([
    ["db:query:result", (n: number) => emitDbQueryResult({ ...samples.dbQueryResult, queryId: String(n), rows }, "r")],
    ["an unknown event", (n: number) => running.server.broadcastToRoom("r", "custom", { n, rows })],
    ["a bare event", (n: number) => running.server.getIO().to("r").emit("bare", { n, rows })],
  ])("%s: the client is disconnected rather than left without it", async (_, emit) => {
    const { server, port } = await start();
    const reasons = new Map<string, string>();
    server.getIO().on("connection", (socket) => socket.on("disconnect", (reason) => reasons.set(socket.id, reason)));
    const reader = await paused(transport, "r");
    const healthy = await connected(port);
    const before = server.stats();
    let emitted = 0;
    while (server.getRoomMembers("r").length > 0 && emitted < 20_000) {
      emit(emitted++);
      if (emitted % 10 === 0) expect(server.stats().waiting.largest).toBeLessThanOrEqual(MAX_OUTBOX);
    }
    await vi.waitFor(() => expect([...reasons]).toEqual([[reader.id, "slow client"]]));
    const stats = server.stats();
    expect(stats).toMatchObject({ slowClients: 1, gaps: 0, dropped: { latest: 0, gap: 0 }, waiting: { clients: 0 } });
    expect(stats.deliveries - before.deliveries).toBe(emitted);
    // It got the first ones, whole and in order, and then nothing more.
    const got = (await reader.rest()).filter((one) => one.startsWith("42"));
    expect(got.length + stats.dropped.closed).toBe(emitted);
    expect(got.length).toBe(transport === "polling" ? 0 : emitted - stats.dropped.closed);
    // Nobody else noticed.
    const end = event(healthy, "end");
    server.broadcast("end", null);
    await end;
    expect(healthy.connected).toBe(true);
  });

  test("one event larger than maxOutbox is no reason", async () => {
    const { server } = await start();
    const reader = await paused(transport, "r");
    const pad = "x".repeat(3 * MAX_OUTBOX);
    server.broadcastToRoom("r", "large", { pad });
    const large = JSON.parse((await reader.resume().next()).slice(2));
    expect(large).toMatchObject(["large", { data: { pad } }]);
    server.broadcastToRoom("r", "end", null);
    expect(await reader.until("end")).toEqual([]);
    expect(server.stats().slowClients).toBe(0);
  });
});

describe("who says the policy", () => {
  const count = 2000;

  test("policy() of an emit: gap, with a bare gap event for bare events", async () => {
    const { server } = await start();
    const reader = await paused("polling", "r");
    const { rooms, all } = {
      rooms: server.getIO().to("r").policy("gap"),
      all: server.getIO().to(["r", "s"]).policy("gap"),
    };
    await flood(count, (n) => (n % 2 ? rooms.emit("room line", n) : all.emit("line", n)));
    server.broadcast("end", null);
    const got = await reader.until("end");
    const lost = { line: 0, "room line": 0 };
    for (const [name, gap] of got.filter(([name]) => name === "gap")) {
      expect(name).toBe("gap");
      const of = (gap as Gap).event as keyof typeof lost;
      const room = of === "line" ? {} : { room: "r" };
      expect(gap).toEqual({
        event: of,
        ...room,
        count: expect.any(Number),
        from: expect.stringMatching(ISO),
        to: expect.stringMatching(ISO),
      });
      lost[of] += gap.count;
    }
    const arrived = (of: string) => got.filter(([name]) => name === of).map(([, n]) => n as number);
    for (const [of, first] of [
      ["line", 0],
      ["room line", 1],
    ] as const) {
      expect(lost[of]).toBeGreaterThan(0);
      const numbers = Array.from({ length: count / 2 }, (_, i) => 2 * i + first);
      expect(arrived(of)).toEqual(numbers.slice(lost[of]));
    }
  });

  test("policy() of an emit: latest, by a key or of the event", async () => {
    const { server } = await start();
    const reader = await paused("polling", "r");
    const io = server.getIO();
    await flood(count, (n) => {
      if (n % 2)
        io.to("r")
          .policy("latest", `k${n % 6}`)
          .emit("keyed", `k${n % 6}`, n, "x".repeat(100));
      else io.to("r").policy("latest").batched.emit("state", n);
    });
    server.broadcast("end", null);
    const got = await reader.until("end");
    expect(got.filter(([name]) => name === "state").at(-1)).toEqual(["state", count - 2]);
    const keys = got.filter(([name]) => name === "keyed").map(([, key]) => key as string);
    expect(new Set(keys)).toEqual(new Set(["k1", "k3", "k5"]));
    expect(server.stats().dropped.latest).toBe(count - got.length);
    expect(server.stats().slowClients).toBe(0);
  });

  test("policy() says before the option; the option before what the six events have by themselves", async () => {
    const { server } = await start({ policies: { noise: "gap", "logs:stream": "latest" } });
    const reader = await paused("polling", "r");
    // It may go, and does.
    await flood(count, (n) => emitLogStream(samples.log(String(n)), "r"));
    server.broadcast("middle", null);
    const lines = await reader.until("middle");
    expect(lines.at(-1)?.[1].data.line).toBe(String(count - 1));
    expect(server.stats()).toMatchObject({ gaps: 0, dropped: { gap: 0, latest: count - lines.length } });
    // It may not, whatever the option says.
    for (let n = 0; n < count; n++) server.getIO().to("r").policy("close").emit("noise", n);
    expect(server.getRoomMembers("r")).toEqual([]);
    expect(server.stats()).toMatchObject({ gaps: 0, slowClients: 1 });
    expect(await reader.rest()).toEqual([]);
  });

  test("a bad one is refused, and named", async () => {
    const { server } = await start();
    const code = expect.objectContaining({ code: "ERR_INVALID_OPTION" });
    expect(() =>
      server
        .getIO()
        .to("r")
        .policy("newest" as "latest"),
    ).toThrow(code);
    const http = createServer();
    for (const policies of [{ a: "oldest" }, { a: { latest: "" } }, { a: {} }, { a: null }, "gap"]) {
      expect(() => new realtime.Server(http, { policies: policies as never })).toThrow(code);
    }
  });
});

describe.each(TRANSPORTS)("Server on its own, over %s", (transport) => {
  const { count, size } = AMOUNTS[transport];
  const pad = "x".repeat(size);

  test("the option policies decides by the event's name; events without one close", async () => {
    const http = createServer();
    const io = new realtime.Server(http, {
      maxOutbox: MAX_OUTBOX,
      policies: { state: { latest: "id" }, total: "latest", line: "gap" },
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    closers.push(async () => {
      dropConnections(port);
      const closed = io.close();
      http.closeAllConnections();
      await closed;
    });
    const reasons: string[] = [];
    io.on("connection", (socket) => {
      socket.join("r");
      socket.on("disconnect", (reason) => void reasons.push(reason));
    });
    const reader = (await Reader.open(transport, port, { path: "/socket.io/" })).pause();
    for (let n = 0; n < count; n++) {
      if (n % 3 === 0) io.to("r").emit("state", { id: n % 2, n, pad });
      else if (n % 3 === 1) io.to("r").emit("total", { n, pad });
      else io.to("r").emit("line", { n, pad });
      if (n % 100 === 99) await turn();
    }
    io.emit("end");
    const got = await reader.until("end");
    const last = new Map<string, number>();
    for (const [name, argument] of got) last.set(name === "state" ? `state ${argument.id}` : name, argument.n);
    const newest = (wanted: (n: number) => boolean) =>
      Array.from({ length: count }, (_, n) => n)
        .filter(wanted)
        .at(-1);
    expect(last.get("state 0")).toBe(newest((n) => n % 3 === 0 && n % 2 === 0));
    expect(last.get("state 1")).toBe(newest((n) => n % 3 === 0 && n % 2 === 1));
    expect(last.get("total")).toBe(newest((n) => n % 3 === 1));
    expect(last.get("line")).toBe(newest((n) => n % 3 === 2));
    const lines = got.filter(([name]) => name === "line").length;
    const missing = got.filter(([name]) => name === "gap").reduce((total, [, gap]) => total + gap.count, 0);
    expect(missing).toBeGreaterThan(0);
    expect(lines + missing).toBe(Math.floor(count / 3));

    reader.pause();
    for (let n = 0; n < 20_000 && reasons.length === 0; n++) {
      io.to("r").emit("unnamed", { n, pad });
      if (n % 10 === 9) await turn();
    }
    await vi.waitFor(() => expect(reasons).toEqual(["slow client"]));
  });
});
