// The facade against a native side that only records: what is called, in what order, and what listeners see.

import { createServer } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InboxEvent, NativeOptions } from "../../../native.js";
import type { Native } from "../process/binding.js";

type Call = [name: string, ...args: unknown[]];
const fake = vi.hoisted(() => ({
  calls: [] as unknown[][],
  inbox: (_events: unknown[]): void => {},
  rooms: [] as string[],
}));

// Events of one call are handled in one turn, however busy the machine is.
vi.mock("node:perf_hooks", async (original) => ({
  ...(await original<typeof import("node:perf_hooks")>()),
  performance: { now: () => 0 },
}));

vi.mock("../process/load-native.cjs", () => {
  const record =
    (name: string, result?: unknown) =>
    (...args: unknown[]) => {
      fake.calls.push([name, ...args.slice(1)]);
      return typeof result === "function" ? (result as (...args: unknown[]) => unknown)(...args) : result;
    };
  const names =
    "accept deny abandon emit send join leave leaveAll disconnect closeConnection disconnectSockets declareNamespace " +
    "watchServer watchConnection";
  const native = {
    ...Object.fromEntries(names.split(" ").map((name) => [name, record(name)])),
    version: () => "0.0.0",
    nselfServer: () => null,
    takeoverSelfTest: () => {},
    socketRooms: () => fake.rooms,
    // Two sockets, "a" in room "r".
    findSockets: (_server: number, _nsp: string, rooms: string[], except: string[]) =>
      [
        { key: 7, id: "a", rooms: ["r"] },
        { key: 8, id: "b", rooms: [] as string[] },
      ].filter((one) => {
        const isIn = (room: string) => one.rooms.includes(room);
        return (rooms.length === 0 || rooms.some(isIn)) && !except.some(isIn);
      }),
    roomMembers: (_server: number, _nsp: string, room: string) => (room === "r" ? ["a"] : []),
    openServer: (_options: NativeOptions, inbox: (events: unknown[]) => void) => {
      fake.inbox = inbox;
      return 1;
    },
    closeServer: () => fake.inbox([{ kind: "closed", socket: 0, text: "{}" }]),
    closeServerSync: () => "{}",
    drainInbox: () => [],
    takeInbox: () => [],
  } satisfies Partial<Record<keyof Native, unknown>>;
  return { loadNative: () => native, nativePath: () => "/native", packageVersion: () => "0.0.0" };
});

const { Server } = await import("./server.js");
const { parseRealtimeOptions } = await import("../options/parse-options.js");

let io: InstanceType<typeof Server>;
const calls = (name: string) => fake.calls.filter((call) => call[0] === name).map((call) => call.slice(1)) as Call[];
const tell = (...events: Array<Partial<InboxEvent>>) =>
  fake.inbox(events.map((event) => ({ socket: 7, ...event }) as InboxEvent));
const info = (id = "a", more = {}) =>
  JSON.stringify({
    id,
    nsp: "/",
    auth: null,
    userId: null,
    handshake: { headers: {}, address: "::1", query: {} },
    ...more,
  });
const ticks = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  fake.calls.length = 0;
  fake.rooms = [];
  io = new Server();
});
afterEach(() => io.close());

function open() {
  io._open(parseRealtimeOptions({}));
}

async function connected() {
  open();
  const socket = new Promise<InstanceType<typeof import("./socket.js").Socket>>((resolve) =>
    io.on("connection", resolve),
  );
  tell({ kind: "connect", text: info() });
  return socket;
}

describe("declarations", () => {
  it("ask for no events and no question until somebody wants them", () => {
    open();
    expect(calls("declareNamespace")).toEqual([["/", false, false]]);
    io.on("connection", () => {});
    io.of("chat").use((_, next) => next());
    expect(calls("declareNamespace").slice(1)).toEqual([
      ["/", true, false],
      ["/chat", false, false],
      ["/chat", true, true],
    ]);
  });
});

describe("a socket", () => {
  it("dispatches every event of a batch, even if a listener throws", async () => {
    const socket = await connected();
    const seen: unknown[] = [];
    const uncaught = vi.fn();
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", uncaught);
    socket.on("bad", () => {
      throw new Error("boom");
    });
    socket.on("good", (...args: unknown[]) => seen.push(args));
    tell({ kind: "event", text: '["bad"]' }, { kind: "event", text: '["good",1,"2"]' });
    await ticks();
    for (const listener of others) process.on("uncaughtException", listener);
    expect(seen).toEqual([[1, "2"]]);
    expect(uncaught.mock.calls[0]?.[0]).toEqual(new Error("boom"));
  });

  it("answers an acknowledgement once", async () => {
    const socket = await connected();
    socket.on("ask", (ack: (value: number) => void) => {
      ack(1);
      ack(2);
    });
    tell({ kind: "event", id: 3, text: '["ask"]' });
    expect(calls("send")).toEqual([[7, 3, 3, 0, "[1]", undefined]]);
  });

  it("gets acknowledgements by id, with an error first after timeout()", async () => {
    const socket = await connected();
    const plain = socket.emitWithAck("q", 1);
    const timed = socket.timeout(60_000).emitWithAck("q", 2);
    const late = socket.timeout(1).emitWithAck("q", 3);
    tell(
      { kind: "ack", id: 1, text: '["two"]' },
      { kind: "ack", id: 0, text: '["one"]' },
      { kind: "ack", id: 9, text: "[]" },
    );
    expect(await plain).toBe("one");
    expect(await timed).toBe("two");
    await expect(late).rejects.toThrow("operation has timed out");
    expect(calls("send").map(([, , id]) => id)).toEqual([0, 1, 2]);
  });

  it("refuses reserved names on the way out, and closes on them on the way in", async () => {
    const socket = await connected();
    expect(() => socket.emit("disconnect")).toThrow('"disconnect" is a reserved event name');
    expect(() => io.to("r").emit("connect")).toThrow('"connect" is a reserved event name');
    const errors: unknown[] = [];
    socket.on("error", (error) => errors.push(error));
    tell(
      { kind: "event", text: '["disconnect"]' },
      { kind: "event", text: "[1e" },
      { kind: "event", text: '["error",5]' },
    );
    expect(calls("closeConnection")).toEqual([[7], [7]]);
    expect(errors).toHaveLength(3);
    expect(errors[2]).toBe(5);
  });

  it("still shows its rooms while disconnecting, and sends nothing afterwards", async () => {
    const socket = await connected();
    const seen: unknown[] = [];
    socket.on("disconnecting", (reason) => seen.push([reason, [...socket.rooms], socket.connected]));
    socket.on("disconnect", (reason) => seen.push([reason, [...socket.rooms], socket.connected]));
    const disconnect: Partial<InboxEvent> = { kind: "disconnect", text: '{"reason":"ping timeout","rooms":["a","r"]}' };
    tell(disconnect, disconnect, { kind: "event", text: '["late"]' });
    expect(seen).toEqual([
      ["ping timeout", ["a", "r"], true],
      ["ping timeout", [], false],
    ]);
    expect(io.sockets.sockets.size).toBe(0);
    socket.emit("x");
    socket.join("y");
    expect([...calls("send"), ...calls("join")]).toEqual([]);
  });

  it("is told of its own disconnect() once, before the native side confirms it", async () => {
    const socket = await connected();
    const reasons: unknown[] = [];
    socket.on("disconnect", (reason) => reasons.push(reason));
    socket.disconnect(true);
    tell({ kind: "disconnect", text: '{"reason":"server namespace disconnect","rooms":[]}' });
    expect(reasons).toEqual(["server namespace disconnect"]);
    expect(calls("disconnect")).toEqual([[7, true]]);
  });

  it("broadcasts to the others, with its flags used once", async () => {
    const socket = await connected();
    socket.volatile.to(["r", "s"]).except("t").emit("x", 1);
    socket.broadcast.emit("y");
    expect(calls("emit")).toEqual([
      ["/", ["r", "s"], ["a", "t"], 1, '["x",1]', undefined, undefined],
      ["/", [], ["a"], 0, '["y"]', undefined, undefined],
    ]);
  });

  it("notifies outgoing listeners of emits and of broadcasts that reach it", async () => {
    const socket = await connected();
    const seen: unknown[] = [];
    socket.onAnyOutgoing((...args) => seen.push(args));
    socket.emit("one");
    io.to("r").emit("two");
    io.to("elsewhere").emit("three");
    expect(seen).toEqual([["one"], ["two"]]);
  });

  it("runs middleware of events, and reports its errors to the error listener", async () => {
    const socket = await connected();
    const seen: unknown[] = [];
    socket.use(([event], next) => next(event === "no" ? new Error("no") : undefined));
    socket.onAny((event) => seen.push(event));
    socket.on("yes", () => seen.push("heard"));
    socket.on("error", (error) => seen.push(error.message));
    for (const text of ['["no"]', '["yes"]']) {
      tell({ kind: "event", text });
      await ticks();
    }
    expect(seen).toEqual(["no", "no", "yes", "heard"]);
  });
});

describe("middleware", () => {
  it("lets in, with what it joined and sent coming after the CONNECT", async () => {
    open();
    io.use((socket, next) => {
      socket.join("early");
      socket.emit("hello");
      expect([...socket.rooms]).toEqual(["early"]);
      expect(socket.connected).toBe(false);
      next();
    });
    tell({ kind: "connecting", text: info() });
    await ticks();
    const order = fake.calls.map(([name]) => name).filter((name) => name !== "declareNamespace");
    expect(order).toEqual(["accept", "join", "send"]);
    expect(io.sockets.sockets.get("a")?.connected).toBe(true);
  });

  it("refuses with message and data, and leaves no trace", async () => {
    open();
    io.use((socket, next) => {
      socket.join("early");
      next(Object.assign(new Error("no"), { data: { why: 1 } }));
    });
    tell({ kind: "connecting", text: info() });
    await ticks();
    expect(calls("deny")).toEqual([[7, '{"message":"no","data":{"why":1}}']]);
    expect([...calls("accept"), ...calls("join")]).toEqual([]);
    expect(io.sockets.sockets.size).toBe(0);
  });

  it.each([
    ["a text", "no", '{"message":"no"}'],
    ["an error", new Error("no"), '{"message":"no"}'],
    ["an object", { message: "no", data: 1 }, '{"message":"no","data":1}'],
  ])("refuses by %s", async (_, error, told) => {
    open();
    io.use((_, next) => next(error as Error));
    tell({ kind: "connecting", text: info() });
    await ticks();
    expect(calls("deny")).toEqual([[7, told]]);
  });

  it("does not let in a client that left before its answer", async () => {
    open();
    let answer = () => {};
    io.use((_, next) => {
      answer = next;
    });
    const connection = vi.fn();
    io.on("connection", connection);
    tell({ kind: "connecting", text: info() }, { kind: "disconnect", text: '{"reason":"transport close","rooms":[]}' });
    answer();
    await ticks();
    expect([...calls("accept"), ...calls("deny")]).toEqual([]);
    // Its place is free, once.
    expect(calls("abandon")).toHaveLength(1);
    expect(connection).not.toHaveBeenCalled();
  });
});

describe("authenticate", () => {
  const decide = async (authenticate: () => unknown) => {
    io._open(parseRealtimeOptions({ authenticate }));
    const socket = new Promise((resolve) => io.on("connection", (socket) => resolve([socket.userId, socket.data])));
    tell({ kind: "connecting", text: info("a", { userId: "forged", auth: { userId: "forged" } }) });
    await ticks();
    return Promise.race([socket, calls("deny")[0]]);
  };

  it("names the user, and puts the rest into data", async () => {
    expect(await decide(async () => ({ userId: "u", role: "admin" }))).toEqual(["u", { role: "admin" }]);
    expect(calls("accept")).toEqual([[7, "u", undefined, undefined]]);
  });

  it.each([
    ["null", () => null, "unauthorized"],
    ["no userId", () => ({ role: "admin" }), "authentication failed"],
    ["a number", () => ({ userId: 1 }), "authentication failed"],
    [
      "a throw",
      () => {
        throw new Error("secret");
      },
      "authentication failed",
    ],
    ["a rejection", () => Promise.reject(new Error("secret")), "authentication failed"],
  ])("refuses %s", async (_, authenticate, message) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await decide(authenticate)).toEqual([7, expect.stringContaining(`"message":"${message}"`)]);
    expect(JSON.stringify(fake.calls)).not.toContain("secret");
    log.mockRestore();
  });
});

describe("what is not supported", () => {
  it("throws by name", async () => {
    const socket = await connected();
    const attempts: Array<[string, () => unknown]> = [
      ["adapter.broadcast", () => (io.sockets.adapter as unknown as { broadcast: unknown }).broadcast],
      ["socket.conn.transport.socket", () => (socket.conn.transport as unknown as { socket: unknown }).socket],
      ["io.engine.clients", () => (io.engine as unknown as { clients: unknown }).clients],
      ["io.engine.generateId", () => Object.assign(io.engine, { generateId: () => "x" })],
      ["io.adapter(…)", () => io.adapter((() => {}) as never)],
    ];
    for (const [name, attempt] of attempts) {
      expect(attempt).toThrow(
        expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining(name) }),
      );
    }
  });
});

describe("a handler that uses what is not there", () => {
  let log = vi.spyOn(console, "error");
  beforeEach(() => {
    log = vi.spyOn(console, "error").mockImplementation(() => {});
  });
  afterEach(() => log.mockRestore());
  const unsupported = expect.objectContaining({
    code: "ERR_UNSUPPORTED",
    stack: expect.stringContaining("facade.test"),
  });
  const stopped = (part: string) => {
    expect(log.mock.calls).toEqual([[expect.stringContaining("docs/socketio.md"), unsupported]]);
    expect(String(log.mock.calls[0]?.[1])).toContain(part);
  };
  type Wide = { conn: { transport: { socket: { bytesRead: number }; on(): void } } };

  it.each(["at once", "asynchronously"])("stops %s, is logged with its stack, and nothing else stops", async (how) => {
    const seen: unknown[] = [];
    open();
    io.on("connection", (socket) => {
      socket.on("ask", () => (socket as unknown as Wide).conn.transport.on());
      socket.on("next", (...args: unknown[]) => seen.push(args));
      const use = () => (socket as unknown as Wide).conn.transport.socket.bytesRead;
      if (how === "at once") use();
      else return Promise.resolve().then(use) as unknown as undefined;
    });
    tell({ kind: "connect", text: info() });
    await ticks();
    stopped("socket.conn.transport.socket");
    log.mockClear();
    if (how === "asynchronously") {
      tell({ kind: "event", text: '["ask"]' }, { kind: "event", text: '["next",1]' });
      await ticks();
      stopped("socket.conn.transport.on");
      expect(seen).toEqual([[1]]);
    }
  });

  it.each(["at once", "asynchronously"])("refuses the client, if it is a middleware: %s", async (how) => {
    open();
    io.use((socket) => {
      const use = () => void (socket as unknown as Wide).conn.transport.socket.bytesRead;
      return how === "at once" ? use() : (Promise.resolve().then(use) as unknown as undefined);
    });
    tell({ kind: "connecting", text: info() });
    await ticks();
    stopped("socket.conn.transport.socket");
    expect(calls("deny")).toEqual([[7, '{"message":"middleware failed"}']]);
  });

  it("any other error surfaces as it would: a throw uncaught, a rejection unhandled", async () => {
    const seen: unknown[] = [];
    const events = ["uncaughtException", "unhandledRejection"] as const;
    const others = events.map((event) => process.listeners(event as "uncaughtException"));
    for (const event of events) {
      process.removeAllListeners(event);
      process.on(event as "uncaughtException", (error) => seen.push([event, error.message]));
    }
    const socket = await connected();
    socket.on("throw", () => {
      throw new Error("thrown");
    });
    socket.on("reject", async () => {
      throw new Error("rejected");
    });
    tell({ kind: "event", text: '["throw"]' }, { kind: "event", text: '["reject"]' });
    await ticks();
    await ticks();
    for (const [at, event] of events.entries()) {
      process.removeAllListeners(event);
      for (const listener of others[at] ?? []) process.on(event as "uncaughtException", listener);
    }
    expect(seen.sort()).toEqual([
      ["uncaughtException", "thrown"],
      ["unhandledRejection", "rejected"],
    ]);
    expect(log).not.toHaveBeenCalled();
  });
});

describe("what is there of the connection and the sockets", () => {
  it("socket.request has the head of the handshake, and keeps what middleware puts there", async () => {
    open();
    const headers = { cookie: "a=1", "user-agent": "test" };
    const handshake = { headers, address: "10.0.0.1", secure: true, url: "/api/ws/?EIO=4", query: {} };
    io.use((socket, next) => {
      Object.assign(socket.request, { session: { user: "ann" } });
      next();
    });
    const socket = new Promise<InstanceType<typeof import("./socket.js").Socket>>((resolve) =>
      io.on("connection", resolve),
    );
    tell({ kind: "connecting", text: info("a", { handshake }) });
    const { request, conn } = await socket;
    expect(request).toMatchObject({ method: "GET", url: "/api/ws/?EIO=4", headers, session: { user: "ann" } });
    expect([request.socket.remoteAddress, request.connection.remoteAddress]).toEqual(["10.0.0.1", "10.0.0.1"]);
    expect(conn.request).toBe(request);
  });

  it("io.sockets.sockets may be looked at at any time; a look makes the sockets from then on known", () => {
    expect(io.sockets.sockets.size).toBe(0);
    open();
    expect(calls("declareNamespace")).toEqual([["/", true, false]]);
    tell({ kind: "connect", text: info() });
    expect([...io.sockets.sockets.keys()]).toEqual(["a"]);
  });

  it("fetchSockets gives those of a room, and those that are not excepted", async () => {
    const socket = await connected();
    tell({ kind: "connect", socket: 8, text: info("b") });
    const ids = async (fetched: Promise<Array<{ id: string }>>) => (await fetched).map(({ id }) => id);
    expect(await ids(io.fetchSockets())).toEqual(["a", "b"]);
    expect(await ids(io.in("r").fetchSockets())).toEqual(["a"]);
    expect(await ids(io.except("r").fetchSockets())).toEqual(["b"]);
    expect(await ids(io.to([]).fetchSockets())).toEqual([]);
    expect(await io.in("r").fetchSockets()).toEqual([socket]);
  });

  it("methods that give promises reject", async () => {
    open();
    const asked = io.sockets as unknown as Record<string, () => Promise<unknown>>;
    await expect(asked.emitWithAck?.()).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    await expect((io as unknown as typeof asked).emitWithAck?.()).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
    await expect(io.to("r").emitWithAck("disconnect")).rejects.toThrow("reserved");
  });
});

describe("an empty list of rooms", () => {
  it("is nobody, with one warning; rooms that are named beside it count", async () => {
    open();
    const warnings: string[] = [];
    const listener = (warning: Error & { code?: string }) => warnings.push(String(warning.code));
    process.on("warning", listener);
    expect(io.to([]).emit("x")).toBe(true);
    io.in([]).volatile.emit("x");
    io.of("/").to([]).disconnectSockets(true);
    io.to([]).socketsJoin("r");
    io.to([]).socketsLeave("r");
    expect([...calls("emit"), ...calls("disconnectSockets")]).toEqual([]);
    io.to([]).to("r").emit("y");
    io.to("r").to([]).emit("y");
    io.except([]).emit("y");
    expect(calls("emit").map(([, rooms]) => rooms)).toEqual(["r", "r", []]);
    await ticks();
    process.off("warning", listener);
    expect(warnings).toEqual(["NSELF_EMPTY_TARGET"]);
  });
});

describe("close", () => {
  it("tells the sockets, closes the HTTP server, and calls back with its error", async () => {
    const server = createServer();
    io.attach(server);
    const socket = new Promise<unknown>((resolve) => {
      io.on("connection", (socket) => socket.on("disconnect", resolve));
    });
    tell({ kind: "connect", text: info() });
    const done = vi.fn();
    await io.close(done);
    expect(await socket).toBe("server shutting down");
    expect(done).toHaveBeenCalledWith(expect.objectContaining({ code: "ERR_SERVER_NOT_RUNNING" }));
    expect(Object.hasOwn(server, "emit")).toBe(false);
  });
});
