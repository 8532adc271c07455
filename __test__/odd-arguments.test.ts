// Odd values into every public method of the real-time layer: each is refused with a code and the argument's name, or is harmless. None
// ends the process, none sends to everybody what was meant for few.

import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RealtimeOptions } from "../ts/server/index.js";
import {
  type Attached,
  collect,
  connected,
  join,
  realtime,
  settled,
  startAttached,
  warningsOf,
} from "./support/nself.js";
import * as samples from "./support/samples.js";

const circle: unknown[] = [];
circle.push(circle);
const ODD: Array<[name: string, value: unknown]> = [
  ["undefined", undefined],
  ["null", null],
  ["an empty text", ""],
  ["an empty list", []],
  ["a list with undefined", [undefined]],
  ["a list of lists", [["logs:api"]]],
  ["an endless list", circle],
  ["a symbol", Symbol("logs:api")],
  ["an object", {}],
  ["an object without prototype", Object.create(null)],
  ["an object that throws", { toString: () => thrown(), valueOf: () => thrown() }],
  ["NaN", Number.NaN],
  ["a number", 7],
  ["a big integer", 7n],
  ["true", true],
  ["a function", () => "logs:api"],
  ["a date", new Date(0)],
  ["a text with a zero", "a\0b"],
  ["half a character", "\ud83d"],
  ["a long text", "x".repeat(100_000)],
];
function thrown(): never {
  throw new Error("the application's own");
}

type Try = (value: never) => unknown;
const server = realtime.getWebSocketServer();
const data = { n: 1 };
const ROOM = "ERR_INVALID_ROOM";
const ARGUMENT = "ERR_INVALID_ARGUMENT";

/** Method, its argument, the code that refuses it, and a call with a value in that place. */
const TARGETS: Array<[method: string, argument: string, code: string, call: Try]> = [
  ["emitServiceStatus", "room", ROOM, (odd) => realtime.emitServiceStatus(samples.serviceStatus, odd)],
  ["emitBuildProgress", "room", ROOM, (odd) => realtime.emitBuildProgress(samples.buildProgress, odd)],
  ["emitDeployProgress", "room", ROOM, (odd) => realtime.emitDeployProgress(samples.deployProgress, odd)],
  ["emitLogStream", "room", ROOM, (odd) => realtime.emitLogStream(samples.log("secret"), odd)],
  ["emitDockerStats", "room", ROOM, (odd) => realtime.emitDockerStats(samples.dockerStats, odd)],
  ["emitDbQueryResult", "room", ROOM, (odd) => realtime.emitDbQueryResult(samples.dbQueryResult, odd)],
  ["emitEvent", "room", ROOM, (odd) => realtime.emitEvent("own", data, odd)],
  ["broadcastToRoom", "room", ROOM, (odd) => server.broadcastToRoom(odd, "own", data)],
  ["batchEvent", "room", ROOM, (odd) => server.batchEvent(odd, "own", data)],
  ["getRoomMembers", "room", ROOM, (odd) => server.getRoomMembers(odd)],
  ["whileWatched", "rooms", ARGUMENT, (odd) => server.whileWatched(odd, () => {})()],
  ["whileWatched", "producer", ARGUMENT, (odd) => server.whileWatched("logs:api", odd)()],
  ["emitToSocket", "socketId", ARGUMENT, (odd) => server.emitToSocket(odd, "own", data)],
  ["emitToUser", "userId", ARGUMENT, (odd) => realtime.emitToUser(odd, "own", data)],
  ["getUserPresence", "userId", ARGUMENT, (odd) => server.getUserPresence(odd)],
  ["disconnectUser", "userId", ARGUMENT, (odd) => server.disconnectUser(odd)],
  ["disconnectSession", "session", ARGUMENT, (odd) => server.disconnectSession(odd)],
];

/** The same for what names no target: any code of ours will do, or none. */
const OTHERS: Array<[method: string, call: Try]> = [
  ["broadcast's type", (odd) => server.broadcast(odd, data as never)],
  ["emitEvent's type", (odd) => realtime.emitEvent(odd, data as never, "nobody-here")],
  ["emitEvent's data", (odd) => realtime.emitEvent("own", odd, "nobody-here")],
  ["emitToUser's type", (odd) => realtime.emitToUser("nobody", odd, data as never)],
  ["emitLogStream's data", (odd) => realtime.emitLogStream(odd, "nobody-here")],
  ["attach's server", (odd) => realtime.attach(odd)],
  ["attach's options", (odd) => realtime.attach(createServer(), odd)],
  ["initialize's server", (odd) => server.initialize(odd)],
  ["createTicket", (odd) => realtime.createTicket(odd)],
  ["createTicket's userId", (odd) => realtime.createTicket({ userId: odd, expiresIn: 1000 })],
  ["createTicket's rooms", (odd) => realtime.createTicket({ userId: "ann", rooms: odd, expiresIn: 1000 })],
  ["createTicket's expiresIn", (odd) => realtime.createTicket({ userId: "ann", expiresIn: odd })],
  ["sessionCookie's name", (odd) => realtime.sessionCookie(odd, () => null)],
  ["sessionCookie's validate", (odd) => realtime.sessionCookie("s", odd)],
  ["sessionCookie's options", (odd) => realtime.sessionCookie("s", () => null, odd)],
  ["sessionFromRoute's url", (odd) => realtime.sessionFromRoute(odd)],
];

type SocketIO = ReturnType<typeof server.getIO>;
const PRIVATE = { type: "private" };
/** Calls of Socket.IO's own API with a value as their target, or as something that reaches nobody. */
const SOCKET_IO: Array<[method: string, call: (io: SocketIO, odd: never) => unknown]> = [
  ["io.to(odd)", (io, odd) => io.to(odd).emit("own", PRIVATE)],
  ["io.in(odd)", (io, odd) => io.in(odd).volatile.emit("own", PRIVATE)],
  ["io.to(odd).except(odd)", (io, odd) => io.to(odd).except(odd).batched.emit("own", PRIVATE)],
  ["io.to(room).to(odd)", (io, odd) => io.to("nobody-here").to(odd).emit("own", PRIVATE)],
  ["io.of(odd)", (io, odd) => io.of(odd).to("nobody-here").emit("own", PRIVATE)],
  ["io.emit's name", (io, odd) => io.to("nobody-here").emit(odd, PRIVATE)],
  ["io.emit's data", (io, odd) => io.to("nobody-here").emit("own", odd)],
  ["io.policy", (io, odd) => io.to("nobody-here").policy(odd, odd).emit("own", PRIVATE)],
  ["io.timeout", (io, odd) => io.timeout(odd).to("nobody-here").emit("own", PRIVATE)],
  ["disconnectSockets", (io, odd) => io.to(odd).disconnectSockets(true)],
  ["socketsJoin", (io, odd) => io.to("nobody-here").socketsJoin(odd)],
  ["socketsLeave", (io, odd) => io.to("nobody-here").socketsLeave(odd)],
  ["fetchSockets", async (io, odd) => expect(await io.in(odd).fetchSockets()).toEqual([])],
  ["io.path", (io, odd) => io.path(odd)],
];

/** How a call ends: what is thrown must be an error of ours. */
function code(call: () => unknown): string {
  try {
    call();
    return "none";
  } catch (error) {
    if (error instanceof realtime.RealtimeError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe("with a server", () => {
  let running: Attached;
  let socket: Awaited<ReturnType<typeof connected>>;
  beforeAll(async () => {
    running = await startAttached({ authenticate: () => ({ userId: "ann" }), tickets: { keys: ["k".repeat(32)] } });
    socket = await connected(running.port);
    await join(socket, "logs:api");
  });
  afterAll(() => running.close());

  describe.each(TARGETS)("%s: %s", (_, argument, expected, call) => {
    test.each(ODD)("%s", async (_, value) => {
      const got = collect(socket);
      const outcome = code(() => call(value as never));
      running.server.emitToSocket(socket.id!, "end", null);
      await got.until(1);
      // Nobody got it, and nobody is gone.
      expect(got.events.map(({ type }) => type)).toEqual(["end"]);
      const isText = typeof value === "string" && value !== "";
      const isGiven = argument === "producer" ? typeof value === "function" : isText;
      if (!isGiven)
        expect(outcome).toMatch(new RegExp(`^${expected}: .*${argument === "room" ? "room" : argument}\\b`));
      else expect(outcome).toMatch(/^none$|^ERR_INVALID_ROOM/);
    });
  });

  describe.each(OTHERS)("%s", (_, call) => {
    test.each(ODD)("%s", (_, value) => {
      expect(code(() => call(value as never))).toMatch(/^none$|^ERR_[A-Z_]+: ./);
    });
  });

  describe.each(SOCKET_IO)("Socket.IO's %s", (_, call) => {
    test.each(ODD)("%s", async (_, value) => {
      await settled(socket);
      const got = collect(socket);
      // Errors are the application's here: that there is one is no surprise, that somebody else notices would be.
      try {
        await call(running.server.getIO(), value as never);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
      running.server.emitToSocket(socket.id!, "end", null);
      await got.until(1);
      expect(got.events.map(({ type }) => type)).toEqual(["end"]);
      expect(socket.connected).toBe(true);
    });
  });

  describe("listen's options", () => {
    test.each(ODD)("%s", async (_, value) => {
      const refused = expect.objectContaining({ code: expect.stringMatching(/^ERR_/) });
      await expect(realtime.listen(value as never)).rejects.toEqual(refused);
      await expect(realtime.listen({ port: value as never })).rejects.toEqual(refused);
    });
  });

  test("only a room that is left out means everybody", async () => {
    const got = collect(socket, "service:status", "own");
    expect(realtime.emitServiceStatus(samples.serviceStatus)).toBe(true);
    expect(realtime.emitEvent("own", data)).toBe(true);
    await got.until(2);
  });
});

test("an event must have a name: a client that got another would hang up", async () => {
  const one = await startAttached();
  const io = one.server.getIO();
  for (const name of [undefined, null, Symbol("x"), {}, () => {}]) {
    expect(code(() => io.emit(name as never))).toMatch(/^ERR_INVALID_EVENT: .*name/);
    expect(
      code(() =>
        io
          .of("/x")
          .to("y")
          .emit(name as never),
      ),
    ).toMatch(/^ERR_INVALID_EVENT: .*name/);
  }
  await one.close();
});

describe("without a server", () => {
  const what = /register\(\) in instrumentation\.ts.*attach\(httpServer\).*listen\(\{ port \}\)/;
  const calls: Array<[string, () => unknown]> = [
    ["getPresence", () => server.getPresence()],
    ["getUserPresence", () => server.getUserPresence("ann")],
    ["getRoomMembers", () => server.getRoomMembers("r")],
    ["disconnectUser", () => server.disconnectUser("ann")],
    ["disconnectSession", () => server.disconnectSession("s")],
    ["getIO", () => server.getIO()],
    ["stats", () => server.stats()],
    ["metrics", () => server.metrics()],
    ["createTicket", () => realtime.createTicket({ userId: "ann", expiresIn: 1000 })],
  ];
  test.each(calls)("%s says what to do", (_, call) => {
    expect(code(call)).toMatch(/^ERR_NOT_RUNNING: /);
    expect(code(call)).toMatch(what);
  });

  test.each(ODD)("register's options: %s", async (_, value) => {
    expect(code(() => realtime.register({ pingInterval: value } as RealtimeOptions))).toMatch(
      value === undefined || value === 7 ? /^none$/ : /^ERR_INVALID_OPTION: .*pingInterval/,
    );
    await server.shutdown();
  });

  test.each([null, 7, "options", [], Symbol("options")])("register(%s)", (value) => {
    expect(code(() => realtime.register(value as never))).toMatch(/^ERR_INVALID_OPTION: .*options/);
  });

  test("an emit is quiet while a server closes and after: a producer that ends late has made no mistake", async () => {
    const emit = () => expect(realtime.emitLogStream(samples.log("late"), "logs:api")).toBe(false);
    const one = await startAttached();
    let closed: Promise<unknown> | undefined;
    const warnings = await warningsOf(() => {
      closed = one.server.shutdown();
      emit();
    });
    await closed;
    await one.close();
    expect([...warnings, ...(await warningsOf(emit))]).toEqual([]);
  });
});
