// What happens to a client that reads too slowly: what waits for it never passes maxOutbox, and each event's policy says
// whether the newest of a key stays, a gap event tells what is missing, or the client is closed.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Envelope } from "../ts/events.js";
import { type Attached, connected, event, realtime } from "./support/nself.js";
import { type Received, TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";
import { AMOUNTS, flood, type Gap, ISO, MAX_OUTBOX, paused, startSmall } from "./support/slow.js";

const { emitBuildProgress, emitDbQueryResult, emitDeployProgress, emitDockerStats, emitLogStream, emitServiceStatus } =
  realtime;

let running: Attached;
afterEach(() => running.close());

async function start(): Promise<Attached> {
  running = await startSmall();
  return running;
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
      const reader = await paused(transport, running, "r");
      const KEYS = 3;
      const newest = new Map<string, number>();
      await flood(running, count, (n) => {
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
    const reader = await paused(transport, running, "r", "s");
    await flood(running, count, (n) => {
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
    const reader = await paused(transport, running, "r");
    await flood(running, count, (n) =>
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
      for (const [time, n] of [[gap.from, next] as const, [gap.to, next + gap.count - 1] as const]) {
        expect(Date.parse(time)).toBeGreaterThanOrEqual(times[n]! - 1);
        expect(Date.parse(time)).toBeLessThanOrEqual(times[n + 1]! + 1);
      }
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
    const reader = await paused(transport, running, "logs:api");
    const times: number[] = [];
    await flood(running, count, (n) => {
      times.push(Date.now());
      emitLogStream(samples.log(`${n} ${pad}`), ...(room ? ([room] as const) : []));
    });
    times.push(Date.now());
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
    const reader = await paused(transport, running, "logs:api", "logs:db");
    await flood(running, count, (n) => emitLogStream(samples.log(`${n >> 1} ${pad}`), n % 2 ? "logs:api" : "logs:db"));
    server.broadcast("end", null);
    const got = (await reader.until("end")).filter(([name]) => !name.startsWith("room:"));
    const gaps = ["logs:api", "logs:db"].map((room) => sum(expectWhole(got, count / 2, room)));
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    expect(server.stats().dropped.gap).toBe(gaps[0]! + gaps[1]!);
  });

  test("a client that reads now and then gets a gap for each time it did not", async () => {
    const { server } = await start();
    const reader = await paused(transport, running, "logs:api");
    const got: Received[] = [];
    for (let round = 0; round < 3; round++) {
      await flood(running, count, (n) => emitLogStream(samples.log(`${round * count + n} ${pad}`), "logs:api"));
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
    const reader = await paused(transport, running, "r");
    await flood(running, count, (n) => {
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
    const reader = await paused(transport, running, "r");
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
    const reader = await paused(transport, running, "r");
    const pad = "x".repeat(3 * MAX_OUTBOX);
    server.broadcastToRoom("r", "large", { pad });
    const large = JSON.parse((await reader.resume().next()).slice(2));
    expect(large).toMatchObject(["large", { data: { pad } }]);
    server.broadcastToRoom("r", "end", null);
    expect(await reader.until("end")).toEqual([]);
    expect(server.stats().slowClients).toBe(0);
  });
});
