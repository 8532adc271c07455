// What the server tells of itself: stats() field by field, and metrics() as Prometheus reads them.
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Attached, connected, event, join, realtime, settled, startAttached } from "./support/nself.js";
import { type Family, parsePrometheus } from "./support/prometheus.js";
import { encodeFrame, PollingSession, SEPARATOR, WebSocketSession } from "./support/raw.js";
import { Reader } from "./support/reader.js";
import * as samples from "./support/samples.js";

const server = realtime.getWebSocketServer();
const PATH = { path: "/api/ws/" };
/** Limits that refuse requests and messages, in the order of the metrics. */
const REFUSED = [
  ...["handshakes", "address", "full", "headers", "timeout", "size", "fragments", "attachments", "descriptors"],
];

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options: Parameters<typeof startAttached>[0] = {}): Promise<number> {
  running = await startAttached(options);
  return running.port;
}

type Stats = ReturnType<typeof server.stats>;

/** What `act` does to the counters; nothing else may happen meanwhile. */
async function change(act: () => unknown): Promise<(field: (stats: Stats) => number) => number> {
  const before = server.stats();
  await act();
  const after = server.stats();
  return (field) => field(after) - field(before);
}

const total = (counts: number[]) => counts.reduce((sum, count) => sum + count, 0);

describe("stats()", () => {
  test("connections by transport, sockets, rooms: what is open; opened, upgrades: what was", async () => {
    const port = await start();
    expect(server.stats()).toMatchObject({
      connections: { polling: 0, websocket: 0 },
      sockets: 0,
      rooms: 0,
      opened: 0,
      upgrades: 0,
    });
    const polling = await connected(port, { transports: ["polling"] });
    const webSocket = await connected(port);
    const upgraded = await connected(port, { transports: ["polling", "websocket"] });
    server.getIO().of("/other");
    const other = webSocket.io.socket("/other", {});
    await event(other, "connect");
    await join(polling, "a");
    await join(webSocket, "a");
    await join(upgraded, "b");
    // The client of an upgrade is done when it has sent its last probe packet.
    await settled(upgraded);
    expect(server.stats()).toMatchObject({
      connections: { polling: 1, websocket: 2 },
      sockets: 4,
      rooms: 2,
      opened: 3,
      upgrades: 1,
    });
    for (const socket of [polling, webSocket, upgraded, other]) socket.disconnect();
    await vi.waitFor(() =>
      expect(server.stats()).toMatchObject({
        connections: { polling: 0, websocket: 0 },
        sockets: 0,
        rooms: 0,
        opened: 3,
        upgrades: 1,
        dropped: { closed: 0 },
      }),
    );
  });

  test("eventsOut, deliveries: to all, to a room, to nobody; eventsIn", async () => {
    const port = await start();
    const sockets = [await connected(port), await connected(port), await connected(port)];
    await join(sockets[0]!, "r");
    await join(sockets[1]!, "r");
    // What was announced has come.
    for (const socket of sockets) await settled(socket);
    const out = await change(async () => {
      const end = Promise.all(sockets.map((socket) => event(socket, "end")));
      server.broadcastToRoom("r", "x", 1);
      server.broadcastToRoom("nobody-here", "x", 1);
      server.emitToSocket(sockets[2]!.id!, "x", 1);
      for (let i = 0; i < 5; i++) realtime.emitLogStream(samples.log("line"), "r");
      server.broadcast("end", 1);
      await end;
    });
    expect(out(({ eventsOut }) => eventsOut)).toBe(9);
    expect(out(({ deliveries }) => deliveries)).toBe(2 + 0 + 1 + 10 + 3);

    const into = await change(async () => {
      for (let i = 0; i < 3; i++) sockets[0]!.emit("noise", i);
      await settled(sockets[0]!);
    });
    // The three, and the heartbeat behind them.
    expect(into(({ eventsIn }) => eventsIn)).toBe(4);
  });

  test("bytesOut, bytesIn, writes and packetsPerWrite of a WebSocket: what is on the wire", async () => {
    // So long a window that it does not end within the test.
    const port = await start({ batch: { maxEvents: 10, window: 60_000 } });
    const session = await WebSocketSession.open(port, PATH);
    await session.join();
    let bytes = 0;
    session.ws.connection.socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const one = await change(async () => {
      server.broadcast("x", "y".repeat(300));
      await session.text();
    });
    expect(one(({ bytesOut }) => bytesOut)).toBe(bytes);
    expect(one(({ writes }) => writes)).toBe(1);
    expect(one(({ packetsPerWrite }) => packetsPerWrite.sum)).toBe(1);
    expect(one(({ packetsPerWrite }) => packetsPerWrite.counts[0]!)).toBe(1);

    session.send('420["join:room",{"roomId":"r"}]');
    for (let i = 0; i < 2; i++) await session.text();
    const burst = await change(async () => {
      for (let i = 0; i < 41; i++) server.batchEvent("r", "x", i);
      for (let i = 0; i < 41; i++) await session.text();
    });
    // One at once, the others by tens; tens that come quickly share a write.
    expect(burst(({ packetsPerWrite }) => packetsPerWrite.sum)).toBe(41);
    expect(burst(({ packetsPerWrite }) => total(packetsPerWrite.counts))).toBe(burst(({ writes }) => writes));
    expect(burst(({ writes }) => writes)).toBeGreaterThan(0);
    expect(burst(({ writes }) => writes)).toBeLessThanOrEqual(5);

    const packet = `42${JSON.stringify(["noise", "z".repeat(500)])}`;
    const sent = encodeFrame(1, packet).length + encodeFrame(1, '42["heartbeat"]').length;
    const into = await change(async () => {
      session.send(packet);
      session.send('42["heartbeat"]');
      expect(await session.text()).toMatch(/^42\["pong"/);
    });
    expect(into(({ bytesIn }) => bytesIn)).toBe(sent);
  });

  test("the same of a polling client: payloads and bodies", async () => {
    const port = await start({ httpCompression: false });
    const session = await PollingSession.open(port, PATH);
    await session.join();
    const out = await change(async () => {
      for (let i = 0; i < 3; i++) server.broadcast("x", i);
      const body = (await session.packets(3)).join(SEPARATOR);
      expect(body.split(SEPARATOR)).toHaveLength(3);
    });
    const { le, counts } = server.stats().packetsPerWrite;
    expect(counts).toHaveLength(le.length + 1);
    expect(out(({ writes }) => writes)).toBe(1);
    expect(out(({ packetsPerWrite }) => packetsPerWrite.counts[le.indexOf(5)]!)).toBe(1);
    expect(out(({ packetsPerWrite }) => packetsPerWrite.sum)).toBe(3);

    server.broadcast("x", "y".repeat(300));
    let length = 0;
    const one = await change(async () => {
      length = (await session.get()).body.length;
    });
    expect(one(({ bytesOut }) => bytesOut)).toBe(length);

    const body = `42${JSON.stringify(["noise", "z".repeat(500)])}`;
    const into = await change(() => session.post(body));
    expect(into(({ eventsIn }) => eventsIn)).toBe(1);
    expect(into(({ bytesIn }) => bytesIn)).toBe(body.length);
  });

  test("waiting: what polling clients have yet to fetch", async () => {
    const port = await start();
    expect(server.stats().waiting).toEqual({ clients: 0, bytes: 0, largest: 0 });
    const [one, other] = [await PollingSession.open(port, PATH), await PollingSession.open(port, PATH)];
    await one.join();
    await other.join();
    server.broadcast("x", "y".repeat(1000));
    const both = server.stats().waiting;
    expect(both.clients).toBe(2);
    expect(both.bytes).toBe(2 * both.largest);
    expect(both.largest).toBeGreaterThan(1000);
    expect(both.largest).toBeLessThan(1200);
    await one.packets(1);
    server.broadcast("x", "y".repeat(1000));
    const { largest, ...rest } = server.stats().waiting;
    expect(rest).toEqual({ clients: 2, bytes: 3 * both.largest });
    expect(largest).toBe(2 * both.largest);
    await one.packets(1);
    await other.packets(2);
    expect(server.stats().waiting).toEqual({ clients: 0, bytes: 0, largest: 0 });
    expect(server.stats().commandsWaiting).toBe(0);
  });

  test("emitToWrite: how long an event waited", async () => {
    const port = await start();
    const session = await PollingSession.open(port, PATH);
    await session.join();
    const { le } = server.stats().emitToWrite;
    expect(le).toEqual([...le].sort((a, b) => a - b));
    const waited = await change(async () => {
      server.broadcast("x", 1);
      await new Promise((resolve) => setTimeout(resolve, 260));
      await session.packets(1);
    });
    // In µs: above 250 ms.
    const above = le.indexOf(250_000) + 1;
    expect(waited(({ emitToWrite }) => total(emitToWrite.counts.slice(0, above)))).toBe(0);
    expect(waited(({ emitToWrite }) => total(emitToWrite.counts.slice(above)))).toBe(1);
    expect(waited(({ emitToWrite }) => emitToWrite.sum)).toBeGreaterThan(250_000);
  });

  test("dropped: volatile events for who cannot take them, and what waited for who is gone", async () => {
    const port = await start();
    const [session, ready] = [await PollingSession.open(port, PATH), await connected(port)];
    await session.join();
    const heard = event(ready, "v");
    const volatile = await change(async () => {
      server.getIO().volatile.emit("v", 1);
      await heard;
    });
    expect(volatile(({ dropped }) => dropped.volatile)).toBe(1);
    expect(volatile(({ deliveries }) => deliveries)).toBe(1);
    for (let i = 0; i < 7; i++) server.broadcast("x", i);
    const gone = await change(() => session.post("1"));
    expect(gone(({ dropped }) => dropped.closed)).toBe(7);
    expect(server.stats().dropped).toEqual({ latest: 0, gap: 0, volatile: 1, closed: 7 });
  });

  test("eventLoopDelay: since the last look", async () => {
    await start();
    server.stats();
    // A measuring timer must have run since the last look, so that the next one is late.
    await new Promise((resolve) => setTimeout(resolve, 60));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { p50, p99, max } = server.stats().eventLoopDelay;
    expect(max).toBeGreaterThan(200);
    expect(max).toBeLessThan(3000);
    expect(p99).toBeLessThanOrEqual(max);
    expect(p50).toBeLessThanOrEqual(p99);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(server.stats().eventLoopDelay.max).toBeLessThan(max);
  });

  test.each([0, 5, 10, 15, 25])("eventLoopDelay: a block that begins %i ms after a look", async (ms) => {
    await start();
    server.stats();
    await new Promise((resolve) => setTimeout(resolve, 60));
    server.stats();
    const begin = performance.now();
    while (performance.now() - begin < ms) await new Promise((resolve) => setImmediate(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(server.stats().eventLoopDelay.max).toBeGreaterThan(200);
    expect(server.stats().eventLoopDelay.max).toBeLessThan(100);
  });

  test("eventLoopDelay: looks on both sides of a block", async () => {
    await start();
    server.stats();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(server.stats().eventLoopDelay.max).toBeGreaterThan(200);
  });

  test("a new server begins at zero", async () => {
    const port = await start();
    await connected(port);
    server.broadcast("x", 1);
    await running!.close();
    expect(() => server.stats()).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
    expect(() => server.metrics()).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
    await start();
    const { eventLoopDelay: _, shards, packetsPerWrite, emitToWrite, takeover, ...rest } = server.stats();
    expect(takeover).toEqual({ state: "works", taken: 0, piped: 0 });
    expect(shards).toBeGreaterThanOrEqual(1);
    for (const { counts, sum } of [packetsPerWrite, emitToWrite]) expect([total(counts), sum]).toEqual([0, 0]);
    const numbers = (value: unknown): number[] =>
      typeof value === "number" ? [value] : Object.values(value as object).flatMap(numbers);
    expect(new Set(numbers(rest))).toEqual(new Set([0]));
  });
});

describe("metrics()", () => {
  /** A server that has seen a bit of everything. */
  async function busy(): Promise<Map<string, Family>> {
    const port = await start({ maxOutbox: 20_000, policies: { state: "latest" } });
    const reader = await Reader.open("polling", port, { rooms: ["logs:api"] });
    const socket = await connected(port, { transports: ["polling", "websocket"], auth: { token: 'a"b\\c\n' } });
    await join(socket, "room-of-somebody");
    for (let i = 0; i < 1000; i++) {
      realtime.emitLogStream(samples.log(String(i)), "logs:api");
      server.getIO().to("logs:api").emit("state", i);
    }
    server.getIO().volatile.to("logs:api").emit("v");
    await settled(socket);
    expect(server.stats().gaps).toBeGreaterThan(0);
    const families = parsePrometheus(server.metrics());
    await reader.send("1");
    return families;
  }

  test("are in Prometheus' text form, with names and labels that are few and fixed", async () => {
    const families = await busy();
    const labels = [...families].map(([name, { type, samples }]): [string, string, string[]] => [
      name.replace(/^nself_realtime_/, ""),
      type,
      [...samples.keys()].filter((key) => !key.startsWith("_")),
    ]);
    expect(labels).toEqual([
      ["connections", "gauge", ['{transport="polling"}', '{transport="websocket"}']],
      ...[
        "sockets",
        "rooms",
        "waiting_clients",
        "waiting_bytes",
        "waiting_bytes_largest",
        "inbox_bytes",
        "inbox_unfinished_bytes",
        "inbox_paused_connections",
      ].map((n) => [n, "gauge", [""]]),
      ...["commands_waiting", "shards"].map((name) => [name, "gauge", [""]]),
      ...["connections_opened", "upgrades", "events_emitted", "events_received", "deliveries", "sent_bytes"].map(
        (n) => [`${n}_total`, "counter", [""]],
      ),
      ...["received_bytes", "writes", "batches", "gaps", "slow_clients", "stale_clients"].map((n) => [
        `${n}_total`,
        "counter",
        [""],
      ]),
      ["dropped_total", "counter", ["latest", "gap", "volatile", "closed"].map((reason) => `{reason="${reason}"}`)],
      ["floods_total", "counter", [""]],
      ["limited_events_total", "counter", ["connection", "user", "address"].map((scope) => `{scope="${scope}"}`)],
      ["refused_total", "counter", REFUSED.map((limit) => `{limit="${limit}"}`)],
      [
        "denied_total",
        "counter",
        ["authentication", "busy", "ticket", "join", "rooms"].map((reason) => `{reason="${reason}"}`),
      ],
      ["packets_per_write", "histogram", []],
      ["emit_to_write_seconds", "histogram", []],
      ["event_loop_delay_seconds", "gauge", ['{quantile="0.5"}', '{quantile="0.99"}', '{quantile="1"}']],
      ["node_websockets_total", "counter", ['{way="taken"}', '{way="piped"}']],
    ]);
    for (const name of families.keys()) expect(name).toMatch(/^nself_realtime_/);
    const bounds = [...families.get("nself_realtime_emit_to_write_seconds")!.samples.keys()].slice(0, 4);
    // Seconds, not µs.
    expect(bounds).toEqual(["0.0001", "0.00025", "0.0005", "0.001"].map((bound) => `_bucket{le="${bound}"}`));
  });

  test("say the same as stats()", async () => {
    await busy();
    // Quiet: nobody is there any more to hear anything.
    running!.server.getIO().disconnectSockets(true);
    await vi.waitFor(() => expect(server.stats().connections).toEqual({ polling: 0, websocket: 0 }));
    const stats = server.stats();
    const families = parsePrometheus(server.metrics());
    const value = (name: string, key = "") => families.get(`nself_realtime_${name}`)?.samples.get(key);
    expect({
      eventsOut: value("events_emitted_total"),
      eventsIn: value("events_received_total"),
      deliveries: value("deliveries_total"),
      bytesOut: value("sent_bytes_total"),
      bytesIn: value("received_bytes_total"),
      writes: value("writes_total"),
      batches: value("batches_total"),
      opened: value("connections_opened_total"),
      upgrades: value("upgrades_total"),
      gaps: value("gaps_total"),
      slowClients: value("slow_clients_total"),
      staleClients: value("stale_clients_total"),
      rooms: value("rooms"),
      sockets: value("sockets"),
      shards: value("shards"),
      commandsWaiting: value("commands_waiting"),
      connections: {
        polling: value("connections", '{transport="polling"}'),
        websocket: value("connections", '{transport="websocket"}'),
      },
      waiting: {
        clients: value("waiting_clients"),
        bytes: value("waiting_bytes"),
        largest: value("waiting_bytes_largest"),
      },
      inbox: {
        bytes: value("inbox_bytes"),
        paused: value("inbox_paused_connections"),
        unfinished: value("inbox_unfinished_bytes"),
      },
      dropped: {
        latest: value("dropped_total", '{reason="latest"}'),
        gap: value("dropped_total", '{reason="gap"}'),
        volatile: value("dropped_total", '{reason="volatile"}'),
        closed: value("dropped_total", '{reason="closed"}'),
      },
      denied: {
        authentication: value("denied_total", '{reason="authentication"}'),
        busy: value("denied_total", '{reason="busy"}'),
        ticket: value("denied_total", '{reason="ticket"}'),
        join: value("denied_total", '{reason="join"}'),
        rooms: value("denied_total", '{reason="rooms"}'),
      },
      floods: value("floods_total"),
      takeover: {
        state: "works",
        taken: value("node_websockets_total", '{way="taken"}'),
        piped: value("node_websockets_total", '{way="piped"}'),
      },
      limited: {
        connection: value("limited_events_total", '{scope="connection"}'),
        user: value("limited_events_total", '{scope="user"}'),
        address: value("limited_events_total", '{scope="address"}'),
      },
      refused: Object.fromEntries(REFUSED.map((limit) => [limit, value("refused_total", `{limit="${limit}"}`)])),
    }).toEqual(expect.objectContaining(pick(stats)));
    expect(value("packets_per_write", "_sum")).toBe(stats.packetsPerWrite.sum);
    expect(value("packets_per_write", "_count")).toBe(total(stats.packetsPerWrite.counts));
    expect(value("emit_to_write_seconds", "_sum")).toBeCloseTo(stats.emitToWrite.sum / 1e6, 9);
    expect(value("emit_to_write_seconds", "_count")).toBe(total(stats.emitToWrite.counts));
    expect(stats.dropped.latest).toBeGreaterThan(0);
    expect(stats.dropped.gap).toBeGreaterThan(0);
    expect(stats.dropped.volatile).toBe(1);
  });

  /** What metrics tell one by one. */
  function pick({ packetsPerWrite: _, emitToWrite: __, eventLoopDelay: ___, ...rest }: Stats) {
    return rest;
  }
});
