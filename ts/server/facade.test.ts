// The facade against a native side that only records: what is called, in what order, and what listeners see.

import { createServer } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InboxEvent, NativeOptions } from "../../native.js";
import type { Native } from "./binding.js";

type Call = [name: string, ...args: unknown[]];
const fake = vi.hoisted(() => ({
  calls: [] as unknown[][],
  inbox: (_events: unknown[]): void => {},
  rooms: [] as string[],
}));

vi.mock("./load-native.cjs", () => {
  const record =
    (name: string, result?: unknown) =>
    (...args: unknown[]) => {
      fake.calls.push([name, ...args.slice(1)]);
      return typeof result === "function" ? (result as (...args: unknown[]) => unknown)(...args) : result;
    };
  const names =
    "accept deny abandon emit send join leave leaveAll disconnect closeConnection disconnectSockets declareNamespace";
  const native = {
    ...Object.fromEntries(names.split(" ").map((name) => [name, record(name)])),
    version: () => "0.0.0",
    nselfServer: () => null,
    takeoverSelfTest: () => {},
    socketRooms: () => fake.rooms,
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
const { parseRealtimeOptions } = await import("./parse-options.js");

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
    tell({ kind: "event", text: '["no"]' }, { kind: "event", text: '["yes"]' });
    await ticks();
    expect(seen).toEqual(["no", "yes", "no", "heard"]);
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
      ["Server.fetchSockets", () => (io as unknown as { fetchSockets(): void }).fetchSockets()],
      ["Namespace.adapter", () => (io.sockets as unknown as { adapter: unknown }).adapter],
      ["socket.conn.transport", () => (socket.conn as unknown as { transport: unknown }).transport],
      ["io.engine.generateId", () => Object.assign(io.engine, { generateId: () => "x" })],
      ["acknowledgement of a broadcast", () => io.emit("x", () => {})],
      ["dynamic namespace", () => io.of(/x/ as unknown as string)],
    ];
    for (const [name, attempt] of attempts) {
      expect(attempt).toThrow(
        expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining(name) }),
      );
    }
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
