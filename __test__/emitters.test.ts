// The six emitters: what leaves, to whom, what is refused, in which order, and how events that follow each other closely
// are gathered.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Envelope } from "../ts/events.js";
import type { To } from "../ts/server/index.js";
import {
  type Attached,
  client,
  collect,
  connected,
  event,
  join,
  MODES,
  realtime,
  startAttached,
  warningsOf,
} from "./support/nself.js";
import { PollingSession, split, WebSocketSession } from "./support/raw.js";
import * as samples from "./support/samples.js";

const {
  emitBuildProgress,
  emitDbQueryResult,
  emitDeployProgress,
  emitDockerStats,
  emitLogStream,
  emitServiceStatus,
  getWebSocketServer,
} = realtime;

const emitters: Array<[string, (...to: To) => boolean, unknown]> = [
  ["service:status", (...to) => emitServiceStatus(samples.serviceStatus, ...to), samples.serviceStatus],
  ["build:progress", (...to) => emitBuildProgress(samples.buildProgress, ...to), samples.buildProgress],
  ["deploy:progress", (...to) => emitDeployProgress(samples.deployProgress, ...to), samples.deployProgress],
  ["logs:stream", (...to) => emitLogStream(samples.log("a line"), ...to), samples.log("a line")],
  ["docker:stats", (...to) => emitDockerStats(samples.dockerStats, ...to), samples.dockerStats],
  ["db:query:result", (...to) => emitDbQueryResult(samples.dbQueryResult, ...to), samples.dbQueryResult],
];

/** The code and message of what `act` throws. */
function thrown(act: () => unknown): { code: string; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof realtime.RealtimeError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("nothing was thrown");
}

// These come first: the warning is given once per process.
describe("without a server", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("next build gets a quiet false, and attach() opens nothing", async () => {
    vi.stubEnv("NEXT_PHASE", "phase-production-build");
    const warnings = await warningsOf(() => {
      realtime.register();
      for (const [, emit] of emitters) expect(emit("a-room")).toBe(false);
      // @ts-expect-error not even bad data is looked at
      expect(emitServiceStatus({})).toBe(false);
    });
    expect(warnings).toEqual([]);
    vi.unstubAllEnvs();
    expect(() => getWebSocketServer().stats()).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
  });

  test("every emitter returns false, with one warning that says what to do", async () => {
    const warnings = await warningsOf(() => {
      for (const [, emit] of emitters) expect(emit()).toBe(false);
      for (const [, emit] of emitters) expect(emit("a-room")).toBe(false);
    });
    expect(warnings).toEqual([{ code: "NSELF_NOT_RUNNING", message: expect.stringContaining("register()") }]);
  });

  test("bad data throws all the same", () => {
    // @ts-expect-error status is missing
    expect(thrown(() => emitServiceStatus({ service: "a", timestamp: "t" })).code).toBe("ERR_INVALID_EVENT");
  });
});

describe("with a server", () => {
  let running: Attached;

  beforeEach(async () => {
    running = await startAttached();
  });
  afterEach(() => running.close());

  /** A client of the official kind that has joined rooms. */
  async function member(...rooms: string[]) {
    const socket = await connected(running.port);
    for (const room of rooms) expect(await join(socket, room)).toEqual({ ok: true });
    return socket;
  }

  describe.each(Object.entries(MODES))("over %s", (_, transports) => {
    test.each(emitters)("%s arrives in its envelope, with nothing added", async (name, emit, data) => {
      const socket = await connected(running.port, { transports });
      const args = new Promise<unknown[]>((resolve) => socket.onAny((...all) => resolve(all)));
      const before = Date.now();
      expect(emit()).toBe(true);
      const [type, envelope, ...more] = (await args) as [string, Envelope];
      expect([type, envelope, more]).toEqual([name, { type: name, data, timestamp: expect.any(String) }, []]);
      expect(new Date(envelope.timestamp).toISOString()).toBe(envelope.timestamp);
      expect(Date.parse(envelope.timestamp)).toBeGreaterThanOrEqual(before - 1);
      expect(Date.parse(envelope.timestamp)).toBeLessThanOrEqual(Date.now() + 1);
    });
  });

  test.each(emitters)("%s to a room reaches its members alone, and names the room", async (name, emit, data) => {
    const inside = await member("logs:api");
    const outside = await member("logs:db");
    const [got, strange] = [collect(inside, name), collect(outside, name, "end")];
    expect(emit("logs:api")).toBe(true);
    // Comes behind it, so whoever has this has all that was meant for them.
    const end = [inside, outside].map((socket) => event(socket, "end"));
    running.server.broadcast("end", null);
    await Promise.all(end);
    expect(got.events).toEqual([{ type: name, data, timestamp: expect.any(String), room: "logs:api" }]);
    expect(strange.events.map(({ type }) => type)).toEqual(["end"]);
  });

  test("the packet on the wire is the envelope, its fields in order", async () => {
    const session = await WebSocketSession.open(running.port, { path: "/api/ws/" });
    await session.join();
    emitServiceStatus(samples.serviceStatus);
    const text = await session.text();
    const { timestamp } = JSON.parse(text.slice(2))[1];
    const envelope = { type: "service:status", data: samples.serviceStatus, timestamp };
    expect(text).toBe(`42${JSON.stringify(["service:status", envelope])}`);
  });

  test("a room without members is no error", () => {
    for (const [, emit] of emitters) expect(emit("nobody-here")).toBe(true);
  });

  test.each([
    ["status", () => emitServiceStatus({ ...samples.serviceStatus, status: "on" as "running" })],
    ["service", () => emitServiceStatus({ ...samples.serviceStatus, service: 7 as unknown as string })],
    ["timestamp", () => emitServiceStatus({ service: "a", status: "running" } as typeof samples.serviceStatus)],
    ["health.status", () => emitServiceStatus({ ...samples.serviceStatus, health: { status: "ok" as "healthy" } })],
    ["resources.memory", () => emitServiceStatus({ ...samples.serviceStatus, resources: { memory: "1" as never } })],
    // JSON has no NaN: it would arrive as null, which no type here allows.
    ["resources.cpu", () => emitServiceStatus({ ...samples.serviceStatus, resources: { cpu: Number.NaN } })],
    ["containerId", () => emitServiceStatus({ ...samples.serviceStatus, containerId: null as never })],
    ["progress", () => emitBuildProgress({ ...samples.buildProgress, progress: 101 })],
    ["progress", () => emitBuildProgress({ ...samples.buildProgress, progress: -1 })],
    ["logs[1]", () => emitBuildProgress({ ...samples.buildProgress, logs: ["a", 1 as unknown as string] })],
    ["environment", () => emitDeployProgress({ ...samples.deployProgress, environment: "prod" as "production" })],
    ["logs", () => emitDeployProgress({ ...samples.deployProgress, logs: "a" as unknown as string[] })],
    ["level", () => emitLogStream({ ...samples.log("a"), level: "fatal" as "error" })],
    ["line", () => emitLogStream({ ...samples.log("a"), line: null as unknown as string })],
    [
      "stats.network.rx",
      () =>
        emitDockerStats({
          ...samples.dockerStats,
          stats: { ...samples.dockerStats.stats, network: { rx: "1" as unknown as number, tx: 1 } },
        }),
    ],
    [
      "stats.blockIO.write",
      () =>
        emitDockerStats({
          ...samples.dockerStats,
          stats: { ...samples.dockerStats.stats, blockIO: { read: 1 } as { read: number; write: number } },
        }),
    ],
    ["rows", () => emitDbQueryResult({ ...samples.dbQueryResult, rows: {} as unknown[] })],
    [
      "fields[0].dataTypeID",
      () =>
        emitDbQueryResult({ ...samples.dbQueryResult, fields: [{ name: "a", dataTypeID: "23" as unknown as number }] }),
    ],
  ])("bad data is refused, and the field named: %s", async (field, emit) => {
    const socket = await connected(running.port);
    const got = collect(socket);
    const { code, message } = thrown(emit);
    expect(code).toBe("ERR_INVALID_EVENT");
    for (const part of field.split(/[.[\]]+/).filter(Boolean)) expect(message).toContain(part);
    emitServiceStatus(samples.serviceStatus);
    await got.until(1);
    expect(got.events).toHaveLength(1);
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["a list", []],
    ["a string", "running"],
    ["a function", () => {}],
    ["a big integer", { ...samples.serviceStatus, big: 1n }],
  ])("data that is %s is refused", (_, data) => {
    const { code, message } = thrown(() => emitServiceStatus(data as typeof samples.serviceStatus));
    expect([code, message]).toEqual(["ERR_INVALID_EVENT", expect.stringContaining("service:status")]);
  });

  test("data that refers to itself is refused", () => {
    const data: Record<string, unknown> = { ...samples.serviceStatus };
    data.self = data;
    expect(thrown(() => emitServiceStatus(data as never)).code).toBe("ERR_INVALID_EVENT");
  });

  test.each(["", "a b", "a/b", "é", "a\n", "x".repeat(129), 7 as unknown as string, null as unknown as string])(
    "%j is no room name",
    (room) => {
      for (const [, emit] of emitters) expect(thrown(() => emit(room)).code).toBe("ERR_INVALID_ROOM");
    },
  );

  test.each(["logs:all", "document-1.b_c:D", "x".repeat(128)])("%j is one", async (room) => {
    const got = collect(await member(room), "logs:stream");
    expect(emitLogStream(samples.log("a"), room)).toBe(true);
    await got.until(1);
    expect(got.events[0]?.room).toBe(room);
  });

  test.each(Object.entries(MODES))(
    "batched and direct events, to a room and to everybody, keep their order over %s",
    async (_, transports) => {
      const socket = await connected(running.port, { transports });
      await join(socket, "logs:api");
      const got = collect(socket, "logs:stream", "build:progress", "docker:stats", "service:status", "mark");
      const line = (n: number) => emitLogStream(samples.log(String(n)), "logs:api");
      const step = (n: number) =>
        emitBuildProgress({ ...samples.buildProgress, step: String(n) }, ...(n % 2 ? (["logs:api"] as const) : []));
      const stats = (n: number) => emitDockerStats({ ...samples.dockerStats, containerName: String(n) });
      const status = (n: number) => emitServiceStatus({ ...samples.serviceStatus, service: String(n) });
      const mark = (n: number) => running.server.batchEvent("logs:api", "mark", { n });
      const kinds = [line, line, line, step, stats, line, status, mark, line, step, stats, stats, mark];
      const count = 300;
      for (let n = 0; n < count; n++) {
        kinds[n % kinds.length]!(n);
        // Some turns of the event loop in between, so that batches begin and end at any place.
        if (n % 37 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await got.until(count);
      const numbers = got.events.map(({ type, data }) => {
        const value = data as Record<string, unknown>;
        if (type === "logs:stream") return Number(value.line);
        if (type === "build:progress") return Number(value.step);
        if (type === "docker:stats") return Number(value.containerName);
        return type === "mark" ? Number(value.n) : Number(value.service);
      });
      expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
    },
  );

  test("a lone batched event does not wait for its window", async () => {
    await running.close();
    running = await startAttached({ batch: { window: 60_000 } });
    const got = collect(await member("logs:api"), "logs:stream");
    emitLogStream(samples.log("alone"), "logs:api");
    await got.until(1);
    expect(got.events).toHaveLength(1);
  });

  test("a member of two rooms gets an event to both once", async () => {
    const both = await member("logs:all", "logs:api");
    const one = await member("logs:api");
    const [first, second] = [collect(both, "line"), collect(one, "line")];
    running.server.getIO().to("logs:all").to("logs:api").emit("line", { type: "line", data: 1, timestamp: "t" });
    const end = [both, one].map((socket) => event(socket, "end"));
    running.server.broadcast("end", null);
    await Promise.all(end);
    expect([first.events.length, second.events.length]).toEqual([1, 1]);
  });

  /** What clients have of one event, when all that was emitted before has come to them. */
  async function gotBy(sockets: Awaited<ReturnType<typeof member>>[], name: string, emit: () => void) {
    const got = sockets.map((socket) => collect(socket, name));
    const end = sockets.map((socket) => event(socket, "end"));
    emit();
    running.server.broadcast("end", null);
    await Promise.all(end);
    return got.map(({ events }) => events);
  }

  test.each(emitters)(
    "%s to several rooms reaches each of their members once, and names no room",
    async (name, emit) => {
      const [both, one, none] = [
        await member("logs:all", "logs:api"),
        await member("logs:api"),
        await member("logs:db"),
      ];
      const got = await gotBy([both, one, none], name, () => {
        expect(emit(["logs:all", "logs:api"])).toBe(true);
        expect(emit(["logs:db"])).toBe(true);
      });
      expect(got.map((events) => events.map(({ room }) => room))).toEqual([[undefined], [undefined], ["logs:db"]]);
    },
  );

  test("a list with one bad room goes to none of them", async () => {
    const [got] = await gotBy([await member("logs:api")], "logs:stream", () => {
      expect(thrown(() => emitLogStream(samples.log("a"), ["logs:api", "a b"])).code).toBe("ERR_INVALID_ROOM");
    });
    expect(got).toEqual([]);
  });

  test("emitEvent sends an event of the application's own in the envelope, to rooms or to everybody", async () => {
    const { emitEvent } = realtime;
    const [inside, outside] = [await member("jobs"), await member()];
    const got = await gotBy([inside, outside], "job:progress", () => {
      expect(emitEvent("job:progress", { percent: 40 }, "jobs")).toBe(true);
      expect(emitEvent("job:progress", { percent: 50 }, ["jobs", "others"])).toBe(true);
      expect(emitEvent("job:progress", { percent: 60 })).toBe(true);
      expect(thrown(() => emitEvent("disconnect", {})).code).toBe("ERR_INVALID_EVENT");
      expect(thrown(() => emitEvent("service:status", {} as never)).code).toBe("ERR_INVALID_EVENT");
    });
    const [first, ...rest] = [40, 50, 60].map((percent) => ({
      ...{ type: "job:progress", data: { percent }, timestamp: expect.any(String) },
      ...(percent === 40 ? { room: "jobs" } : {}),
    }));
    expect(got).toEqual([[first, ...rest], rest.slice(-1)]);
  });

  test.each(Object.entries(MODES))(
    "emitToUser reaches every socket of a user, in any room or none, over %s",
    async (_, transports) => {
      await running.close();
      const authenticate = ({ auth }: { auth: { user?: string } }) => ({ userId: auth.user ?? "nobody" });
      const tickets = { keys: ["k".repeat(32)] };
      running = await startAttached({ authenticate, tickets });
      const ann = [];
      for (const user of ["ann", "zoë", "ann"]) ann.push(await connected(running.port, { transports, auth: { user } }));
      const ticket = realtime.createTicket({ userId: "ann", rooms: ["lobby"], expiresIn: 60_000 });
      const byTicket = await connected(running.port, { transports, auth: { ticket } });
      await join(ann[0]!, "lobby");
      const left = await connected(running.port, { transports, auth: { user: "ann" } });
      left.disconnect();
      const got = await gotBy([...ann, byTicket], "notice", () => {
        expect(realtime.emitToUser("ann", "notice", { text: "for ann" })).toBe(true);
        expect(realtime.emitToUser("zoë", "notice", { text: "for zoë" })).toBe(true);
        expect(realtime.emitToUser("bob", "notice", { text: "for bob" })).toBe(true);
        expect(thrown(() => realtime.emitToUser("bob", "logs:stream", {} as never)).code).toBe("ERR_INVALID_EVENT");
      });
      const notice = (text: string) => [{ type: "notice", data: { text }, timestamp: expect.any(String) }];
      expect(got).toEqual([notice("for ann"), notice("for zoë"), notice("for ann"), notice("for ann")]);
    },
  );

  test("after the shutdown nothing is accepted any more", async () => {
    expect(emitServiceStatus(samples.serviceStatus)).toBe(true);
    const closing = running.server.shutdown();
    expect(emitServiceStatus(samples.serviceStatus)).toBe(false);
    await closing;
    expect(emitServiceStatus(samples.serviceStatus)).toBe(false);
  });

  test("an event emitted while a client is still connecting is no error, and is not kept for it", async () => {
    const socket = client(running.port);
    const got = collect(socket, "service:status");
    expect(emitServiceStatus(samples.serviceStatus)).toBe(true);
    await event(socket, "connect");
    running.server.broadcast("end", null);
    await event(socket, "end");
    expect(got.events).toEqual([]);
  });
});

describe("batches on the wire", () => {
  let running: Attached | undefined;
  afterEach(() => running?.close());

  /** A raw WebSocket in room logs:api, and the number of TCP reads since. */
  async function rawMember(port: number) {
    const session = await WebSocketSession.open(port, { path: "/api/ws/" });
    await session.join();
    session.send('420["join:room",{"roomId":"logs:api"}]');
    const answers = [await session.text(), await session.text()];
    expect(answers).toContain('430[{"ok":true}]');
    let reads = 0;
    session.ws.connection.socket.on("data", () => reads++);
    return { session, reads: () => reads };
  }

  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const lineOf = (packet: string) => JSON.parse(packet.slice(2))[1].data.line as string;

  test("a burst of 25 lines comes as 25 single events in a few reads", async () => {
    running = await startAttached();
    const { session, reads } = await rawMember(running.port);
    for (let i = 0; i < 25; i++) emitLogStream(samples.log(`line ${i}`), "logs:api");
    for (let i = 0; i < 25; i++) {
      const packet = await session.text();
      expect(packet).toMatch(/^42\["logs:stream",\{"type":"logs:stream","data":\{"service":"api","line":"line \d+",/);
      expect(lineOf(packet)).toBe(`line ${i}`);
    }
    // The first, ten, ten, the rest.
    expect(reads()).toBeLessThanOrEqual(4);
  });

  test("lines that come one by one are gathered: the first alone, then ten at a time", async () => {
    running = await startAttached({ batch: { maxEvents: 10, window: 60_000 } });
    const { session, reads } = await rawMember(running.port);
    const counts: number[] = [];
    for (let i = 0; i < 21; i++) {
      emitLogStream(samples.log(`line ${i}`), "logs:api");
      // The shard has dealt with each line before the next, and this test has read what it sent.
      running.server.getPresence();
      running.server.getPresence();
      await turn();
      await turn();
      counts.push(session.ws.frames.size);
    }
    for (let i = 0; i < 21; i++) expect(lineOf(await session.text())).toBe(`line ${i}`);
    expect(reads()).toBe(3);
    expect(counts.filter((count) => ![0, 1, 11, 21].includes(count))).toEqual([]);
  });

  test("the window sends what has gathered", async () => {
    running = await startAttached({ batch: { maxEvents: 1000, window: 1000 } });
    const { session, reads } = await rawMember(running.port);
    emitLogStream(samples.log("first"), "logs:api");
    expect(lineOf(await session.text())).toBe("first");
    for (let i = 0; i < 5; i++) {
      emitLogStream(samples.log(`line ${i}`), "logs:api");
      running.server.getPresence();
      await turn();
    }
    for (let i = 0; i < 5; i++) expect(lineOf(await session.text())).toBe(`line ${i}`);
    expect(reads()).toBe(2);
  });

  test("a direct event to the room takes what waits with it, in one read", async () => {
    running = await startAttached({ batch: { maxEvents: 1000, window: 60_000 } });
    const { session, reads } = await rawMember(running.port);
    emitLogStream(samples.log("first"), "logs:api");
    expect(lineOf(await session.text())).toBe("first");
    for (const line of ["A", "B"]) emitLogStream(samples.log(line), "logs:api");
    running.server.getPresence();
    await turn();
    emitBuildProgress({ ...samples.buildProgress, status: "complete" }, "logs:api");
    const packets = [await session.text(), await session.text(), await session.text()];
    expect(packets.map((packet) => JSON.parse(packet.slice(2))[0])).toEqual([
      "logs:stream",
      "logs:stream",
      "build:progress",
    ]);
    expect(packets.slice(0, 2).map(lineOf)).toEqual(["A", "B"]);
    expect(reads()).toBe(2);
  });

  test("a polling client gets what has gathered in one payload", async () => {
    running = await startAttached({ batch: { maxEvents: 24, window: 60_000 } });
    const session = await PollingSession.open(running.port, { path: "/api/ws/" });
    await session.join();
    await session.post('420["join:room",{"roomId":"logs:api"}]');
    await session.packets(2);
    emitLogStream(samples.log("line 0"), "logs:api");
    expect((await session.packets(1)).map(lineOf)).toEqual(["line 0"]);
    const pending = session.get();
    for (let i = 1; i < 25; i++) {
      emitLogStream(samples.log(`line ${i}`), "logs:api");
      running.server.getPresence();
      await turn();
    }
    expect(split(await pending).map(lineOf)).toEqual(Array.from({ length: 24 }, (_, i) => `line ${i + 1}`));
  });
});
