// What nself-admin's own Socket.IO layer got wrong: one test for each of its bugs that a server can have. Each fails if
// that bug comes back.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Socket } from "socket.io-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import type * as Next from "../ts/next/index.js";
import {
  type Attached,
  client,
  closeClients,
  collect,
  connected,
  event,
  join,
  realtime,
  settled,
  startAttached,
} from "./support/nself.js";
import { dropConnections, request, upgrade, WebSocketSession, webSocketTarget } from "./support/raw.js";
import * as samples from "./support/samples.js";

const nextEntry: string = "nself-realtime/next";
const { createRouteHandlers } = (await import(/* @vite-ignore */ nextEntry)) as typeof Next;
const { emitBuildProgress, emitLogStream, emitServiceStatus, getWebSocketServer, register } = realtime;

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options?: Parameters<typeof startAttached>[0]): Promise<Attached> {
  running = await startAttached(options);
  return running;
}

async function member(port: number, ...rooms: string[]): Promise<Socket> {
  const socket = await connected(port);
  for (const room of rooms) expect(await join(socket, room)).toEqual({ ok: true });
  return socket;
}

test("1: it never started: in a route there is no socket.server, so every emit was silently lost", async () => {
  // As in Next: register() runs first, the HTTP server is somebody else's, and a route knows neither.
  register();
  const http = createServer((_request, response) => {
    response.end(String(emitServiceStatus(samples.serviceStatus)));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  try {
    const socket = await connected(port);
    const status = event(socket, "service:status");
    expect((await request(port, "GET", "/api/services")).body.toString()).toBe("true");
    expect((await status).data).toEqual(samples.serviceStatus);
  } finally {
    closeClients();
    dropConnections(port);
    await getWebSocketServer().shutdown();
    http.close();
  }
  // And where none runs, an emit says so.
  expect(emitServiceStatus(samples.serviceStatus)).toBe(false);
});

test('2: joining any room crashed the process: it emitted the reserved name "connect" to the room', async () => {
  const { port, server } = await start();
  const first = await member(port, "project-1");
  // It has heard of its own join by now.
  await settled(first);
  const names: string[] = [];
  first.onAny((name) => names.push(name));
  const second = await member(port, "project-1");
  expect(await second.emitWithAck("leave:room", { roomId: "project-1" })).toEqual({ ok: true });
  await settled(first);
  expect(names.filter((name) => name !== "pong")).toEqual(["room:joined", "room:left"]);
  expect(server.getPresence()).toHaveLength(2);
  for (const name of ["connect", "disconnect"]) {
    expect(() => server.broadcastToRoom("project-1", name, {})).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_EVENT" }),
    );
  }
});

test("3: its room rule rejected logs:*, the only log rooms it used", async () => {
  const { port } = await start();
  for (const room of ["logs:all", "logs:api", "document-7f.2", "project-x_y"]) {
    const socket = await member(port, room);
    const line = event(socket, "logs:stream");
    expect(emitLogStream(samples.log(room), room)).toBe(true);
    expect(await line).toMatchObject({ data: { line: room }, room });
  }
});

describe("6: auth failed open: a foreign Origin with a bogus cookie became admin; nobody left on logout or expiry", () => {
  const sessions = new Map([["good".repeat(16), { userId: "ann", expiresAt: undefined as number | undefined }]]);
  const authenticate = async ({ cookies }: { cookies: Record<string, string> }) => {
    const found = sessions.get(cookies["nself-session"] ?? "");
    if (!found) return null;
    const { userId, expiresAt } = found;
    return expiresAt === undefined ? { userId } : { userId, expiresAt };
  };
  const cookie = (value: string) => `nself-session=${value.repeat(16)}`;

  test.each(["websocket", "polling"])("over %s", async (transport) => {
    const { port, server } = await start({ authenticate });
    const refused: object[] = [
      { extraHeaders: { cookie: cookie("evil"), origin: "http://evil.example" } },
      { extraHeaders: { cookie: cookie("good"), origin: "http://evil.example" } },
      { extraHeaders: { cookie: cookie("evil") } },
      { auth: { userId: "admin", sessionToken: "x" } },
    ];
    for (const options of refused) {
      const socket = client(port, { transports: [transport], ...options });
      await event(socket, "connect_error");
      expect(server.getPresence()).toEqual([]);
      socket.disconnect();
    }
    const socket = await connected(port, { transports: [transport], extraHeaders: { cookie: cookie("good") } });
    expect(server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);

    const loggedOut = event(socket, "disconnect");
    expect(server.disconnectUser("ann")).toBe(1);
    await loggedOut;

    sessions.set("late".repeat(16), { userId: "bob", expiresAt: Date.now() + 1500 });
    const expiring = await connected(port, { transports: [transport], extraHeaders: { cookie: cookie("late") } });
    await event(expiring, "disconnect");
    expect(server.getPresence()).toEqual([]);
  });
});

describe('7: "batching" saved nothing and reordered', () => {
  test("ten events for a room leave in one write", async () => {
    const { port, server } = await start({ batch: { window: 60_000 } });
    const session = await WebSocketSession.open(port, { path: "/api/ws/" });
    await session.join();
    session.send('420["join:room",{"roomId":"logs:api"}]');
    await session.text();
    await session.text();
    emitLogStream(samples.log("opens the window"), "logs:api");
    await session.text();
    let reads = 0;
    session.ws.connection.socket.on("data", () => reads++);
    for (let i = 0; i < 10; i++) {
      emitLogStream(samples.log(`line ${i}`), "logs:api");
      // Each of them has been dealt with before the next.
      server.getPresence();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let i = 0; i < 10; i++) expect(await session.text()).toContain(`"line ${i}"`);
    expect(reads).toBe(1);
  });

  test('logs A, B, then "build complete" arrive as A, B, complete', async () => {
    const { port } = await start();
    const socket = await member(port, "build");
    const got = collect(socket, "logs:stream", "build:progress");
    emitLogStream(samples.log("opens the window"), "build");
    emitLogStream(samples.log("A"), "build");
    emitLogStream(samples.log("B"), "build");
    emitBuildProgress({ ...samples.buildProgress, status: "complete" }, "build");
    await got.until(4);
    expect(got.events.slice(1).map(({ data }) => (data as { line?: string }).line ?? "complete")).toEqual([
      "A",
      "B",
      "complete",
    ]);
  });
});

test("8: shutdown() lost four of five batched events", async () => {
  const { port, server } = await start({ batch: { maxEvents: 100, window: 60_000 } });
  const sockets = [await member(port, "logs:api"), await connected(port, { transports: ["polling"] })];
  await join(sockets[1]!, "logs:api");
  const got = sockets.map((socket) => collect(socket, "logs:stream"));
  const gone = sockets.map((socket) => event(socket, "disconnect"));
  for (let i = 0; i < 5; i++) server.batchEvent("logs:api", "logs:stream", samples.log(`line ${i}`));
  await server.shutdown();
  await Promise.all(gone);
  for (const { events } of got) {
    expect(events.map(({ data }) => (data as { line: string }).line)).toEqual([0, 1, 2, 3, 4].map((i) => `line ${i}`));
  }
});

describe("9: it claimed all of /api/ws/*, and Next ended its sockets on /api/ws without a slash", () => {
  /** An application as Next is: routes for plain requests, and an `upgrade` listener that ends what matches a route. */
  async function startApplication() {
    const attached = await start();
    const { http } = attached;
    const upgrades: string[] = [];
    http.on("upgrade", (request: { url: string }, socket: Duplex) => {
      upgrades.push(request.url);
      if (request.url.startsWith("/api/ws/terminal")) {
        socket.on("error", () => {}).once("end", () => socket.end());
        socket.resume().write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: terminal\r\nConnection: Upgrade\r\n\r\n$ ");
      } else {
        socket.end();
      }
    });
    return { ...attached, upgrades };
  }

  test("/api/ws/terminal stays the application's", async () => {
    const { port, upgrades } = await startApplication();
    const target = "/api/ws/terminal?EIO=4&transport=websocket";
    const { response, connection } = await upgrade(port, target);
    expect(response.headers).toContainEqual(["Upgrade", "terminal"]);
    connection.destroy();
    expect(upgrades).toEqual([target]);
    for (const path of ["/api/ws/terminal?EIO=4&transport=polling", "/api/wsx?EIO=4&transport=polling", "/api/ws"]) {
      expect((await request(port, "GET", path)).body.toString()).toBe("application");
    }
  });

  test.each([true, false])("/api/ws with a slash (%s) lives", async (addTrailingSlash) => {
    const { port, server, upgrades } = await startApplication();
    for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
      const socket = await connected(port, { transports, addTrailingSlash });
      const status = event(socket, "service:status");
      expect(emitServiceStatus(samples.serviceStatus)).toBe(true);
      expect((await status).data).toEqual(samples.serviceStatus);
    }
    expect(server.getPresence()).toHaveLength(3);
    expect(upgrades).toEqual([]);
  });
});

describe("10: presence", () => {
  test("an async look-up raced the join, and the room was lost", async () => {
    const { port, server } = await start({
      authenticate: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { userId: "ann" };
      },
    });
    const socket = client(port);
    // Before the connection is there, and right when it is.
    const early = join(socket, "early");
    const late = new Promise((resolve) => socket.once("connect", () => resolve(join(socket, "late"))));
    expect(await Promise.all([early, late])).toEqual([{ ok: true }, { ok: true }]);
    expect(server.getUserPresence("ann").map(({ rooms }) => rooms.sort())).toEqual([["early", "late"]]);
  });

  test("a fast disconnect leaked the entry", async () => {
    let decide = (_: { userId: string }) => {};
    let asked = () => {};
    const asking = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { port, server } = await start({
      authenticate: ({ auth }) =>
        auth.watch
          ? { userId: "watcher" }
          : new Promise<{ userId: string }>((resolve) => {
              decide = resolve;
              asked();
            }),
    });
    const watcher = await connected(port, { auth: { watch: true } });
    const socket = client(port);
    await asking;
    socket.disconnect();
    await vi.waitFor(() => expect(server.stats()).toMatchObject({ connections: { websocket: 1 } }));
    decide({ userId: "ann" });
    await settled(watcher);
    expect(server.getPresence().map(({ userId }) => userId)).toEqual(["watcher"]);
    expect(server.stats()).toMatchObject({ sockets: 1 });
  });

  test("stale cleanup removed the entry but left the socket", async () => {
    const { port, server } = await start({ pingInterval: 300, pingTimeout: 2000 });
    const watcher = await member(port, "lobby");
    const session = await WebSocketSession.open(port, { path: "/api/ws/" });
    await session.join();
    session.send('420["join:room",{"roomId":"lobby"}]');
    await settled(watcher);
    // From here on it is silent: it answers no ping.
    const left = event(watcher, "room:left");
    const { socketId } = (await left).data;
    expect(server.getPresence().map((entry) => entry.socketId)).toEqual([watcher.id]);
    expect(socketId).not.toBe(watcher.id);
    const { end } = await session.ws.rest("the end of the silent client");
    expect(end).toBe("fin");
  });
});

describe("11: packets were dropped silently, heartbeats among them; error events arrived as undefined", () => {
  test("each of 500 heartbeats is answered with pong", async () => {
    const { port } = await start();
    const socket = await connected(port);
    const got = collect(socket, "pong");
    for (let i = 0; i < 500; i++) socket.emit("heartbeat");
    await got.until(500);
    expect(got.events[0]).toMatchObject({ type: "pong", timestamp: expect.any(String) });
  });

  test("an error event has a code and an error", async () => {
    const { port } = await start();
    const socket = await connected(port);
    const error = event(socket, "error");
    socket.emit("join:room", { type: "join:room", data: { roomId: "no such room!" }, timestamp: "t" });
    expect(await error).toEqual({
      type: "error",
      data: { code: "ERR_INVALID_ROOM", error: expect.stringMatching(/room/) },
      timestamp: expect.any(String),
    });
  });
});

test("12: POST accepted any eventType and any data, without authentication", async () => {
  const { port } = await start();
  const socket = await connected(port);
  const got = collect(socket);
  const user = { authorization: "Bearer t" };
  const { GET, POST } = createRouteHandlers({
    authorize: (request) => (request.headers.has("authorization") ? { userId: "ann" } : null),
  });
  const json = { "content-type": "application/json" };
  const post = async (body: unknown, own: Record<string, string> = user) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { ...json, ...own };
    const response = await POST(new Request("http://localhost/api/ws", { method: "POST", body: text, headers }));
    return [response.status, (await response.json()) as unknown] as const;
  };
  const good = { eventType: "service:status", data: samples.serviceStatus };
  const refusal = (code: string, part = "") => ({ success: false, code, error: expect.stringContaining(part) });

  expect(await post(good, {})).toEqual([401, refusal("ERR_UNAUTHORIZED")]);
  expect((await GET(new Request("http://localhost/api/ws"))).status).toBe(401);
  for (const eventType of ["connect", "disconnect", "room:joined", "custom", "", 7, null, undefined]) {
    expect(await post({ ...good, eventType })).toEqual([400, refusal("ERR_INVALID_EVENT", "eventType")]);
  }
  expect(await post({ ...good, data: { service: "a" } })).toEqual([400, refusal("ERR_INVALID_EVENT", "status")]);
  expect(await post({ eventType: "logs:stream" })).toEqual([400, refusal("ERR_INVALID_EVENT")]);
  expect(await post({ ...good, room: "a b" })).toEqual([400, refusal("ERR_INVALID_ROOM")]);
  expect(await post({ ...good, room: 7 })).toEqual([400, refusal("ERR_INVALID_ROOM", "room")]);
  expect(await post("{")).toEqual([400, refusal("ERR_INVALID_JSON")]);
  expect(await post("[]")).toEqual([400, refusal("ERR_INVALID_JSON")]);
  expect(await post({ ...good, data: { ...samples.serviceStatus, containerId: "x".repeat(65_536) } })).toEqual([
    413,
    refusal("ERR_TOO_LARGE"),
  ]);
  expect(await post(good)).toEqual([200, { success: true, message: "Event emitted" }]);
  await got.until(1);
  expect(got.events).toEqual([{ type: "service:status", data: samples.serviceStatus, timestamp: expect.any(String) }]);

  const view = await GET(new Request("http://localhost/api/ws", { headers: user }));
  expect(await view.json()).toEqual({
    success: true,
    data: { connected: 1, presence: [expect.objectContaining({ socketId: socket.id, userId: null, rooms: [] })] },
  });

  // Who says nothing about authorization gets nothing in production.
  vi.stubEnv("NODE_ENV", "production");
  try {
    const bare = createRouteHandlers();
    const request = new Request("http://localhost/api/ws", { method: "POST", body: "{}", headers: json });
    expect((await bare.POST(request)).status).toBe(403);
    expect((await bare.GET(new Request("http://localhost/api/ws"))).status).toBe(403);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("13: a member of logs:all and logs:api got each line twice", async () => {
  const { port, server } = await start();
  const socket = await member(port, "logs:all", "logs:api");
  const got = collect(socket, "logs:stream", "end");
  const envelope = { type: "logs:stream", data: samples.log("once"), timestamp: new Date().toISOString() };
  server.getIO().to("logs:all").to("logs:api").emit("logs:stream", envelope);
  server.getIO().to(["logs:api", "logs:all", socket.id!]).emit("logs:stream", envelope);
  server.broadcast("end", null);
  await got.until(3);
  expect(got.events.map(({ type }) => type)).toEqual(["logs:stream", "logs:stream", "end"]);
});

test("15: its tests re-implemented the server inline and never opened a socket", async () => {
  const { port } = await start();
  // Bytes on a socket, answered by the package's own binary, which this process has loaded.
  const { response, connection } = await upgrade(port, webSocketTarget({ path: "/api/ws/" }));
  expect(response.status).toBe(101);
  connection.destroy();
  const report = process.report.getReport() as unknown as { sharedObjects: string[] };
  expect(report.sharedObjects.filter((path) => /nself-realtime\.[\w-]+\.node$/.test(path))).toHaveLength(1);
  // And the official client on the other side, which this repository does not write.
  const socket = await connected(port);
  const status = event(socket, "service:status");
  expect(emitServiceStatus(samples.serviceStatus)).toBe(true);
  expect((await status).data).toEqual(samples.serviceStatus);
});
