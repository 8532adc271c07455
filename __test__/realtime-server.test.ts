// getWebSocketServer(): its methods, rooms as clients ask for them, presence, who may connect, and what attach() refuses.
import { createServer } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Attached,
  client,
  collect,
  connected,
  event,
  join,
  MODES,
  realtime,
  settled,
  startAttached,
} from "./support/nself.js";
import { request } from "./support/raw.js";
import * as samples from "./support/samples.js";

const { attach, getWebSocketServer, listen } = realtime;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

describe("methods", () => {
  let port: number;
  beforeEach(async () => {
    running = await startAttached();
    port = running.port;
  });
  const server = getWebSocketServer();

  test("broadcastToRoom, broadcast, batchEvent and emitToSocket reach whom they should, in the envelope", async () => {
    const [a, b, c] = [
      await connected(port),
      await connected(port),
      await connected(port, { transports: ["polling"] }),
    ];
    for (const socket of [a, b]) await join(socket, "project-1");
    const got = [a, b, c].map((socket) => collect(socket, "collab:cursor", "end"));
    expect(server.broadcastToRoom("project-1", "collab:cursor", { n: 1 })).toBe(true);
    expect(server.emitToSocket(b.id!, "collab:cursor", { n: 2 })).toBe(true);
    expect(server.emitToSocket(c.id!, "collab:cursor", { n: 3 })).toBe(true);
    expect(server.emitToSocket("nobody", "collab:cursor", { n: 4 })).toBe(true);
    expect(server.batchEvent("project-1", "collab:cursor", { n: 5 })).toBe(true);
    expect(server.batchEvent("project-1", "collab:cursor", { n: 6 })).toBe(true);
    expect(server.broadcast("end", null)).toBe(true);
    const expected = [
      [1, 5, 6, "end"],
      [1, 2, 5, 6, "end"],
      [3, "end"],
    ];
    for (const [i, { events, until }] of got.entries()) {
      await until(expected[i]!.length);
      expect(events.map(({ data }) => (data as { n: number } | null)?.n ?? "end")).toEqual(expected[i]);
    }
    const [toRoom, toSocket] = [got[1]!.events[0], got[1]!.events[1]];
    const timestamp = expect.stringMatching(ISO);
    expect(toRoom).toEqual({ type: "collab:cursor", data: { n: 1 }, timestamp, room: "project-1" });
    expect(toSocket).toEqual({ type: "collab:cursor", data: { n: 2 }, timestamp });
  });

  test("they check the six events, names and rooms as the emitters do", () => {
    const bad = (act: () => unknown, code: string) => expect(act).toThrow(expect.objectContaining({ code }));
    bad(() => server.broadcast("service:status", { service: "a" } as never), "ERR_INVALID_EVENT");
    bad(() => server.batchEvent("r", "logs:stream", {} as never), "ERR_INVALID_EVENT");
    bad(() => server.emitToSocket("x", "docker:stats", null as never), "ERR_INVALID_EVENT");
    for (const name of ["connect", "disconnect", "disconnecting", "connect_error", "newListener", ""]) {
      bad(() => server.broadcast(name, {}), "ERR_INVALID_EVENT");
    }
    bad(() => server.broadcastToRoom("a b", "x", {}), "ERR_INVALID_ROOM");
    bad(() => server.batchEvent("", "x", {}), "ERR_INVALID_ROOM");
  });

  test("getRoomMembers, getPresence and getUserPresence tell who is where", async () => {
    const before = Date.now();
    const a = await connected(port);
    const b = await connected(port, { transports: ["polling"] });
    await join(a, "logs:api");
    await join(a, "logs:all");
    await join(b, "logs:all");
    expect(server.getRoomMembers("logs:api")).toEqual([a.id]);
    expect(server.getRoomMembers("logs:all").sort()).toEqual([a.id, b.id].sort());
    expect(server.getRoomMembers("nobody-here")).toEqual([]);
    const presence = server.getPresence();
    expect(presence).toHaveLength(2);
    const entry = presence.find(({ socketId }) => socketId === a.id)!;
    const time = expect.stringMatching(ISO);
    expect({ ...entry, rooms: entry.rooms.sort() }).toEqual({
      userId: null,
      socketId: a.id,
      rooms: ["logs:all", "logs:api"],
      connectedAt: time,
      lastSeen: time,
    });
    const [connectedAt, lastSeen] = [Date.parse(entry.connectedAt), Date.parse(entry.lastSeen)];
    expect(connectedAt).toBeGreaterThanOrEqual(before - 1);
    expect(lastSeen).toBeGreaterThanOrEqual(connectedAt);
    expect(lastSeen).toBeLessThanOrEqual(Date.now() + 1);
    expect(server.getUserPresence("anybody")).toEqual([]);
  });

  test("getIO() is the Socket.IO server beneath, with the same sockets and rooms", async () => {
    const io = server.getIO();
    const accepted = new Promise<{ id: string; rooms: Set<string> }>((resolve) => io.once("connection", resolve));
    const socket = await connected(port);
    const theirs = await accepted;
    expect(theirs.id).toBe(socket.id);
    await join(socket, "logs:api");
    expect([...theirs.rooms].sort()).toEqual([socket.id, "logs:api"].sort());
    const bare = event(socket, "bare");
    io.to("logs:api").emit("bare", { not: "an envelope" });
    expect(await bare).toEqual({ not: "an envelope" });
    io.in(socket.id!).socketsJoin("by-the-server");
    expect(server.getRoomMembers("by-the-server")).toEqual([socket.id]);
    expect(server.getIO()).toBe(io);
  });

  test("stats() counts", async () => {
    const [a, b] = [await connected(port), await connected(port, { transports: ["polling"] })];
    expect(server.stats()).toMatchObject({ connections: { websocket: 1, polling: 1 }, sockets: 2, slowClients: 0 });
    const { eventsOut, deliveries } = server.stats() as { eventsOut: number; deliveries: number };
    const heard = [event(a, "x"), event(b, "x")];
    server.broadcast("x", 1);
    await Promise.all(heard);
    const after = server.stats() as { eventsOut: number; deliveries: number };
    expect([after.eventsOut - eventsOut, after.deliveries - deliveries]).toEqual([1, 2]);
  });

  test("shutdown() delivers what was emitted, disconnects so that clients come back, and leaves the HTTP server", async () => {
    const a = await connected(port);
    const b = await connected(port, { transports: ["polling"] });
    const got = [a, b].map((socket) => collect(socket, "logs:stream"));
    const gone = [a, b].map((socket) => event(socket, "disconnect"));
    for (let i = 0; i < 25; i++) realtime.emitLogStream(samples.log(`line ${i}`));
    const report = await server.shutdown();
    expect(report).toMatchObject({ deliveries: 50, dropped: { closed: 0 }, slowClients: 0 });
    for (const reason of await Promise.all(gone)) expect(reason).toMatch(/^transport (close|error)$/);
    for (const { events } of got) expect(events).toHaveLength(25);
    expect(running!.http.listening).toBe(true);
    expect((await request(port, "GET", "/")).body.toString()).toBe("application");
    for (const look of [() => server.getPresence(), () => server.getIO(), () => server.stats()]) {
      expect(look).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
    }
    // Once more changes nothing.
    expect(await server.shutdown()).toBeNull();
    // And it can begin again.
    attach(running!.http);
    await connected(port);
    expect(server.getPresence()).toHaveLength(1);
  });
});

test("initialize() attaches, and listen() has a port", async () => {
  const server = getWebSocketServer();
  expect(server.port).toBeUndefined();
  const http = createServer();
  expect(server.initialize(http)).toBe(server);
  expect(server.port).toBeUndefined();
  await server.shutdown();

  const own = await listen({ port: 0, host: "127.0.0.1" });
  try {
    expect(own).toBe(server);
    expect(own.port).toBeGreaterThan(0);
    await expect(listen({ port: 0 })).rejects.toMatchObject({ code: "ERR_ALREADY_ATTACHED" });
    const socket = await connected(own.port!);
    expect(own.getPresence().map(({ socketId }) => socketId)).toEqual([socket.id]);
    const taken = own.port!;
    await own.shutdown();
    expect(own.port).toBeUndefined();
    const other = createServer().listen(taken, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    await expect(listen({ port: taken, host: "127.0.0.1" })).rejects.toMatchObject({
      code: "ERR_LISTEN",
      message: expect.stringContaining(String(taken)),
    });
    other.close();
    // The failure left nothing behind.
    expect(() => own.stats()).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
  } finally {
    await own.shutdown();
  }
});

describe.each(Object.entries(MODES))("rooms over %s", (_, transports) => {
  test("join and leave, with an ack and without, are told to the room", async () => {
    running = await startAttached();
    const first = await connected(running.port, { transports });
    const second = await connected(running.port, { transports });
    const toRoom = collect(first, "room:joined", "room:left");
    const data = (socket: { id?: string | undefined }) => ({ socketId: socket.id, userId: null, room: "logs:api" });

    expect(await join(first, "logs:api")).toEqual({ ok: true });
    await toRoom.until(1);
    // nself-admin's own client puts it into an envelope, and asks for no answer.
    second.emit("join:room", { type: "join:room", data: { roomId: "logs:api" }, timestamp: "t" });
    await toRoom.until(2);
    // Again changes nothing.
    expect(await join(second, "logs:api")).toEqual({ ok: true });
    second.emit("leave:room", { roomId: "logs:api" });
    await toRoom.until(3);
    const left = collect(second, "room:left");
    expect(await second.emitWithAck("leave:room", { roomId: "logs:api" })).toEqual({ ok: true });
    expect(await join(second, "logs:api")).toEqual({ ok: true });
    await toRoom.until(4);
    second.disconnect();
    await toRoom.until(5);

    const { socketId } = toRoom.events[1]!.data as { socketId: string };
    expect(toRoom.events.map(({ type }) => type)).toEqual([
      "room:joined",
      "room:joined",
      "room:left",
      "room:joined",
      "room:left",
    ]);
    expect(toRoom.events[0]).toEqual({
      type: "room:joined",
      data: data(first),
      timestamp: expect.stringMatching(ISO),
      room: "logs:api",
    });
    for (const { data } of toRoom.events.slice(1)) expect(data).toEqual({ socketId, userId: null, room: "logs:api" });
    expect(left.events).toEqual([]);
  });

  test.each(["", "a b", "../x", "ü", "x".repeat(129), 7, null, undefined, ["a"], { a: 1 }])(
    "the room %j is refused, in the ack or by an error event",
    async (room) => {
      running = await startAttached();
      const socket = await connected(running.port, { transports });
      const refusal = { code: "ERR_INVALID_ROOM", error: expect.any(String) };
      expect(await join(socket, room)).toEqual({ ok: false, ...refusal });
      const error = event(socket, "error");
      socket.emit("leave:room", { roomId: room });
      expect(await error).toEqual({ type: "error", data: refusal, timestamp: expect.stringMatching(ISO) });
      expect(running.server.getPresence()[0]?.rooms).toEqual([]);
      expect(socket.connected).toBe(true);
    },
  );

  test("join:room without any argument is refused, too", async () => {
    running = await startAttached();
    const socket = await connected(running.port, { transports });
    const error = event(socket, "error");
    socket.emit("join:room");
    expect((await error).data.code).toBe("ERR_INVALID_ROOM");
  });
});

describe("presence", () => {
  test("entries live exactly as long as their sockets: 200 clients that come and go leave nothing", async () => {
    // Authentication takes its time, so that many are gone before it answers.
    let pending = 0;
    running = await startAttached({
      // A polling client that goes away without a word is only missed when it does not answer a ping.
      pingInterval: 300,
      pingTimeout: 3000,
      authenticate: async ({ auth }) => {
        pending++;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        pending--;
        return auth.user ? { userId: auth.user } : null;
      },
    });
    const { port, server } = running;
    const stays = await connected(port, { auth: { user: "stays" } });
    await join(stays, "logs:all");

    const visit = async (n: number) => {
      const socket = client(port, {
        transports: [["websocket"], ["polling"], ["polling", "websocket"]][n % 3]!,
        auth: { user: `user-${n}` },
      });
      socket.on("connect", () => socket.emit("join:room", { roomId: "logs:all" }));
      // Some before they are connected, some in the middle of the join, some after it.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      // Some are cut off, without a close frame.
      const { ws } = socket.io.engine.transport as { ws?: { terminate(): void } };
      if (n % 4 === 0) ws?.terminate();
      socket.disconnect();
    };
    await Promise.all(Array.from({ length: 200 }, (_, n) => visit(n)));
    await vi.waitFor(() => expect([pending, server.stats().connections]).toEqual([0, { polling: 0, websocket: 1 }]), {
      timeout: 10_000,
      interval: 20,
    });
    expect(server.getPresence().map(({ userId }) => userId)).toEqual(["stays"]);
    expect(server.getRoomMembers("logs:all")).toEqual([stays.id]);
    expect(server.getUserPresence("user-7")).toEqual([]);
    expect(server.stats()).toMatchObject({ sockets: 1 });
  });

  test("an entry is there when the client knows that it is connected, and gone when the others hear that it left", async () => {
    running = await startAttached();
    const { port, server } = running;
    const watcher = await connected(port);
    await join(watcher, "lobby");
    for (let i = 0; i < 50; i++) {
      const socket = await connected(port);
      expect(server.getPresence()).toHaveLength(2);
      await join(socket, "lobby");
      expect(server.getRoomMembers("lobby")).toHaveLength(2);
      const left = event(watcher, "room:left");
      socket.disconnect();
      await left;
      expect(server.getPresence()).toHaveLength(1);
      expect(server.getRoomMembers("lobby")).toEqual([watcher.id]);
    }
  });

  test("several tabs of one user are several entries; disconnectUser() ends them all, and nobody else's", async () => {
    running = await startAttached({ authenticate: ({ auth }) => ({ userId: auth.user }) });
    const { port, server } = running;
    const tabs = [
      await connected(port, { auth: { user: "ann" } }),
      await connected(port, { auth: { user: "ann" }, transports: ["polling"] }),
    ];
    const other = await connected(port, { auth: { user: "bob" } });
    expect(server.getUserPresence("ann").map(({ socketId }) => socketId)).toEqual(
      expect.arrayContaining(tabs.map(({ id }) => id)),
    );
    const gone = tabs.map((socket) => event(socket, "disconnect"));
    expect(server.disconnectUser("ann")).toBe(2);
    await Promise.all(gone);
    expect(server.getUserPresence("ann")).toEqual([]);
    await settled(other);
    expect(server.disconnectUser("ann")).toBe(0);
  });

  test("lastSeen follows what the client sends", async () => {
    running = await startAttached();
    const socket = await connected(running.port);
    const [{ lastSeen: first } = { lastSeen: "" }] = running.server.getPresence();
    await vi.waitFor(
      async () => {
        await settled(socket);
        expect(Date.parse(running!.server.getPresence()[0]!.lastSeen)).toBeGreaterThan(Date.parse(first));
      },
      { interval: 2 },
    );
  });
});
