// What clients may do on a shared port, by the options of the package; tests/limits.rs has the same for a port of our own.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type * as Realtime from "../ts/server/index.js";
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
} from "./support/nself.js";
import { elapse, HttpConnection, PollingSession, Queue, request, upgrade, WebSocketSession } from "./support/raw.js";
import { startOurs } from "./support/servers.js";

const PATH = "/api/ws/?EIO=4&transport=polling";
let running: Attached;

async function start(options: Realtime.RealtimeOptions): Promise<Attached> {
  await running?.close();
  running = await startAttached(options);
  return running;
}

beforeEach(async () => {
  running = await startAttached();
});

afterEach(() => running.close());

describe.each(Object.entries(MODES))("rates over %s", (_, transports) => {
  test("events beyond are refused, the acks of built-in ones say so, and one error a second", async () => {
    const { port, server } = await start({ rateLimit: { eventsPerSecond: 1, burst: 5 } });
    const socket = await connected(port, { transports });
    const errors = collect(socket, "error");
    const acks = await Promise.all(Array.from({ length: 20 }, (_, i) => join(socket, `room${i}`)));
    // CONNECT was the first of five.
    expect(acks.filter((ack) => ack.ok)).toHaveLength(4);
    expect(acks.at(-1)).toEqual({ ok: false, code: "ERR_RATE_LIMITED", error: expect.any(String) });
    expect(errors.events).toHaveLength(1);
    expect(errors.events[0]).toMatchObject({ type: "error", data: { code: "ERR_RATE_LIMITED" } });
    expect(server.stats()).toMatchObject({ limited: { connection: 16 }, floods: 0 });
    expect(server.metrics()).toContain('nself_realtime_limited_events_total{scope="connection"} 16');
  });

  test("events of the application's own beyond are answered, too, if they ask for it", async () => {
    const { port, server } = await start({ rateLimit: { eventsPerSecond: 1, burst: 5 } });
    server.getIO().on("connection", (socket) => socket.on("own", (n, ack) => ack({ ok: true, n })));
    const socket = await connected(port, { transports });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => socket.timeout(40_000).emitWithAck("own", n)),
    );
    expect(answers.slice(0, 4)).toEqual([0, 1, 2, 3].map((n) => ({ ok: true, n })));
    const refusal = { ok: false, code: "ERR_RATE_LIMITED", error: expect.any(String) };
    expect(answers.slice(4)).toEqual(Array(16).fill(refusal));
  });

  test("who goes on is disconnected, and does not come back by itself; others stay", async () => {
    const { port, server } = await start({ rateLimit: { eventsPerSecond: 1, burst: 5 } });
    const reasons = new Queue<string>();
    server.getIO().on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
    const [other, flooder] = [await connected(port), await connected(port, { transports, reconnection: true })];
    const gone = event(flooder, "disconnect");
    for (let i = 0; i < 80; i++) flooder.emit("anything", i);
    expect(await gone).toBe("io server disconnect");
    expect(await reasons.next("the reason")).toBe("rate limit");
    expect([flooder.active, other.connected, server.stats().floods]).toEqual([false, true, 1]);
  });

  test("heartbeats are exempt", async () => {
    const { port, server } = await start({ rateLimit: { eventsPerSecond: 1, burst: 5 } });
    const socket = await connected(port, { transports });
    const pongs = collect(socket, "pong");
    for (let i = 0; i < 40; i++) socket.emit("heartbeat");
    await pongs.until(40);
    expect(server.stats().limited.connection).toBe(0);
  });

  test("acks that the server asked for are free", async () => {
    const { port, server } = await start({ rateLimit: { eventsPerSecond: 1, burst: 5 } });
    const asked = new Promise<unknown[]>((resolve) => {
      server.getIO().on("connection", (socket) => {
        resolve(Promise.all(Array.from({ length: 200 }, (_, i) => socket.emitWithAck("ask", i))));
      });
    });
    // Before the connection: the first answer to a poll may carry the questions.
    const socket = client(port, { transports });
    socket.on("ask", (i, answer) => answer(i));
    expect(await asked).toHaveLength(200);
    expect(server.stats().limited.connection).toBe(0);
  });
});

test("the connections of a user share a bucket, and so do those of an address", async () => {
  const perUser = { eventsPerSecond: 1, burst: 10 };
  const authenticate = () => ({ userId: "ann" });
  const { port, server } = await start({ authenticate, rateLimit: { perUser } });
  const tabs = [await connected(port), await connected(port, { transports: ["polling"] })];
  const joins = async () => {
    const acks = await Promise.all(tabs.flatMap((tab) => Array.from({ length: 8 }, (_, i) => join(tab, `r${i}`))));
    return acks.filter((ack) => ack.ok).length;
  };
  expect(await joins()).toBe(10);
  expect(server.stats().limited).toEqual({ connection: 0, user: 6, address: 0 });

  const again = await start({ rateLimit: { perAddress: { eventsPerSecond: 1, burst: 12 } } });
  tabs.splice(0, 2, await connected(again.port), await connected(again.port, { transports: ["polling"] }));
  // Each CONNECT was one.
  expect(await joins()).toBe(10);
  expect(again.server.stats().limited).toEqual({ connection: 0, user: 0, address: 6 });
});

test("`Server` has no rate limit unless it is asked for, and then says it plainly", async () => {
  const count = new Queue<number>();
  let server = await startOurs({}, (io) => io.on("connection", (socket) => socket.on("x", (i) => count.push(i))));
  const flood = async () => {
    const session = await WebSocketSession.open(server.port);
    await session.join();
    for (let i = 0; i < 300; i++) session.send(`42["x",${i}]`);
    return session;
  };
  await flood();
  for (let i = 0; i < 300; i++) expect(await count.next("an event")).toBe(i);
  await server.close();

  server = await startOurs({ rateLimit: { burst: 100 } } as object);
  try {
    const told = '42["error",{"code":"ERR_RATE_LIMITED","error":"too many events; slow down"}]';
    expect(await (await flood()).text()).toBe(told);
  } finally {
    await server.close();
  }
});

test("a hundred clients behind one address that come back at once get in", async () => {
  const { port, server } = running;
  const clients = await Promise.all(
    Array.from({ length: 100 }, (_, i) => connected(port, { transports: i % 2 ? ["websocket"] : ["polling"] })),
  );
  expect(clients.every((client) => client.connected)).toBe(true);
  expect(server.stats().refused).toMatchObject({ handshakes: 0, address: 0, full: 0 });
});

test("handshakes have a rate: beyond it 429 on both transports, before anything is made of them", async () => {
  const { port, server } = await start({ rateLimit: { handshakes: { perSecond: 1, burst: 3 } } });
  for (let i = 0; i < 3; i++) expect((await request(port, "GET", PATH)).status).toBe(200);
  expect((await request(port, "GET", PATH)).status).toBe(429);
  const refused = await upgrade(port, "/api/ws/?EIO=4&transport=websocket");
  expect(refused.ws).toBeUndefined();
  expect(refused.response.status).toBe(429);
  expect(server.stats()).toMatchObject({ opened: 3, refused: { handshakes: 2 } });
  expect(server.metrics()).toContain('nself_realtime_refused_total{limit="handshakes"} 2');
});

test.each([
  ["in all", { maxConnections: 3 }, 503, "full"],
  ["of one address", { maxConnectionsPerAddress: 3 }, 429, "address"],
] as const)("connections %s have a number; places become free", async (_, options, status, counter) => {
  const { port, server } = await start(options);
  const [first] = [await connected(port), await connected(port, { transports: ["polling"] }), await connected(port)];
  expect((await request(port, "GET", PATH)).status).toBe(status);
  expect((await upgrade(port, "/api/ws/?EIO=4&transport=websocket")).response.status).toBe(status);
  expect(server.stats().refused[counter]).toBe(2);
  first!.disconnect();
  while (server.stats().connections.websocket > 1) await elapse(5);
  await connected(port);
});

test("the body of a POST has its time, also after an early answer", async () => {
  const { port, server } = await start({ requestTimeout: 200 });
  const session = await PollingSession.open(port, { path: "/api/ws/" } as object);
  await session.join();
  const connection = await HttpConnection.open(port);
  connection.head("POST", session.target, { "Content-Length": "50" });
  connection.write("42[");
  expect((await connection.response()).status).toBe(408);
  await connection.ended;
  expect((await session.get()).status).toBe(400);

  const unknown = await HttpConnection.open(port);
  unknown.head("POST", `${PATH}&sid=${"x".repeat(20)}`, { "Content-Length": "50" });
  expect((await unknown.response()).status).toBe(400);
  await unknown.ended;
  expect(server.stats().refused.timeout).toBe(2);
});

test.each([1, 1000])("a body without an end, in pieces of %i bytes, is not read for long", async (size) => {
  const { port, server } = await start({});
  const session = await PollingSession.open(port, { path: "/api/ws/" } as object);
  await session.join();
  const connection = await HttpConnection.open(port);
  connection.head("POST", session.target, { "Transfer-Encoding": "chunked" });
  const piece = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
  connection.write(piece.repeat(Math.ceil(70_000 / size)));
  expect((await connection.response()).status).toBe(413);
  let ended = false;
  void connection.ended.then(() => (ended = true));
  while (!ended) {
    connection.write(piece.repeat(100));
    await elapse(5);
  }
  expect(server.stats().refused.size).toBe(1);
});

test("heads, pieces and attachments have their number", async () => {
  const { port, server } = await start({ maxHeaderSize: 2000, maxFragments: 3, maxAttachments: 1 });
  const headers = { "X-Long": "x".repeat(3000) };
  expect((await request(port, "GET", PATH, { headers } as object)).status).toBe(431);
  expect((await upgrade(port, "/api/ws/?EIO=4&transport=websocket", { headers })).response.status).toBe(431);
  const bombs = await WebSocketSession.open(port, { path: "/api/ws/" } as object);
  await bombs.join();
  bombs.send('452-["x"]');
  await bombs.ws.rest();
  expect(server.stats().refused).toMatchObject({ headers: 2, attachments: 1 });
});

test.each([
  [{ rateLimit: true }, "rateLimit"],
  [{ rateLimit: { eventsPerSecond: 0 } }, "rateLimit.eventsPerSecond"],
  [{ rateLimit: { perUser: { burst: -1 } } }, "rateLimit.perUser.burst"],
  [{ rateLimit: { handshakes: { perSecond: 0.5 } } }, "rateLimit.handshakes.perSecond"],
  [{ maxConnections: 0 }, "maxConnections"],
  [{ maxHeaderSize: 10 }, "maxHeaderSize"],
  [{ maxAttachments: 1001 }, "maxAttachments"],
  [{ logLevel: "loud" }, "logLevel"],
  [{ logger: {} }, "logger"],
])("refuses the value of %j", (options, name) => {
  expect(() => new realtime.Server(options as object)).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_OPTION", message: expect.stringContaining(`"${name}"`) }),
  );
});

test("refuses what it does not know inside of rateLimit", () => {
  for (const options of [{ rateLimit: { perRoom: {} } }, { rateLimit: { perUser: { perSecond: 1 } } }]) {
    expect(() => new realtime.Server(options as object)).toThrow(
      expect.objectContaining({ code: "ERR_UNSUPPORTED_OPTION" }),
    );
  }
});
