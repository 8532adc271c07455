// Namespaces that are made when a client asks for them, beside the official server.
import type { Namespace, Socket } from "socket.io";
import { afterEach, describe, expect, test, vi } from "vitest";
import { client, closeClients, event } from "./support/nself.js";
import { WebSocketSession } from "./support/raw.js";
import { kinds, type RunningServer, startOurs, startServer } from "./support/servers.js";

vi.setConfig({ testTimeout: 60_000 });

let running: RunningServer;
afterEach(async () => {
  closeClients();
  await running.close();
});

const to = (nsp: string, auth: object = {}) =>
  client(`http://127.0.0.1:${running.port}${nsp}`, { path: "/socket.io", auth });
const connected = async (nsp: string, auth?: object) => {
  const socket = to(nsp, auth);
  await event(socket, "connect");
  return socket;
};
const refused = async (nsp: string, auth?: object) => (await event(to(nsp, auth), "connect_error")).message as string;

describe.each(kinds)("%s", (kind) => {
  test("an expression: each name is a namespace of its own, with the parent's middleware and listeners", async () => {
    const seen: unknown[][] = [];
    running = await startServer(kind, {}, (io) => {
      const parent = io.of(/^\/dynamic-\d+$/);
      parent.use((socket, next) => (socket.handshake.auth.bad ? next(new Error("bad")) : next()));
      parent.on("connection", (socket) => seen.push(["connection", socket.nsp.name]));
      parent.on("connect", (socket) => socket.on("ask", (ack) => ack(socket.nsp.name)));
      io.on("new_namespace", (nsp) => seen.push(["new", nsp.name]));
    });
    const [one, other] = [await connected("/dynamic-1"), await connected("/dynamic-22")];
    expect(await one.emitWithAck("ask")).toBe("/dynamic-1");
    expect(await other.emitWithAck("ask")).toBe("/dynamic-22");
    const again = await connected("/dynamic-1");
    expect(await again.emitWithAck("ask")).toBe("/dynamic-1");
    expect(await refused("/dynamic-x")).toBe("Invalid namespace");
    expect(await refused("/dynamic-1", { bad: true })).toBe("bad");
    expect(seen.filter(([what]) => what === "new")).toEqual([
      ["new", "/dynamic-1"],
      ["new", "/dynamic-22"],
    ]);
    expect(seen.filter(([what]) => what === "connection").map(([, name]) => name)).toEqual([
      "/dynamic-1",
      "/dynamic-22",
      "/dynamic-1",
    ]);
    expect(running.io.of("/dynamic-22").sockets.size).toBe(1);
  });

  test("a parent emits to the clients of all its children, and to rooms of them", async () => {
    let parent!: Namespace;
    running = await startServer(kind, {}, (io) => {
      parent = io.of(/^\/dynamic-\d+$/);
      parent.on("connection", (socket) => void (socket.handshake.auth.room && socket.join("r")));
      io.of("/other");
    });
    const clients = [
      ...[await connected("/dynamic-1"), await connected("/dynamic-2", { room: true })],
      ...[await connected("/dynamic-2"), await connected("/other")],
    ];
    const seen: unknown[][] = clients.map(() => []);
    for (const [at, one] of clients.entries()) one.onAny((...args) => seen[at]?.push(args));
    // The room is there when it gets something.
    await vi.waitFor(() => expect(running.io.of("/dynamic-2").adapter.rooms.has("r")).toBe(true));
    parent.emit("all", 1);
    parent.to("r").emit("room");
    parent.except("r").emit("rest");
    for (const nsp of ["/dynamic-1", "/dynamic-2", "/other"]) running.io.of(nsp).emit("end");
    const [all, room, rest, end] = [["all", 1], ["room"], ["rest"], ["end"]];
    await vi.waitFor(() => expect(seen).toEqual([[all, rest, end], [all, room, end], [all, rest, end], [end]]));
    expect(() => parent.fetchSockets()).toThrow("not supported on parent namespaces");
  });

  test("a function decides with the client's auth, and the first that allows makes it", async () => {
    const asked: unknown[] = [];
    running = await startServer(kind, {}, (io) => {
      io.of((name, auth, next) => {
        asked.push(["first", name, auth]);
        next(null, false);
      });
      io.of((name, auth, next) => {
        asked.push(["second", name]);
        setImmediate(() => (auth.error ? next(new Error("no"), true) : next(null, auth.key === "right")));
      }).on("connection", (socket) => asked.push(["connection", socket.nsp.name]));
      io.of((name, _auth, next) => {
        asked.push(["third", name]);
        next(null, false);
      });
    });
    expect(await refused("/a", { key: "wrong" })).toBe("Invalid namespace");
    expect(await refused("/a", { key: "right", error: true })).toBe("Invalid namespace");
    expect(asked).toEqual([
      ...[
        ["first", "/a", { key: "wrong" }],
        ["second", "/a"],
        ["third", "/a"],
      ],
      ...[
        ["first", "/a", { key: "right", error: true }],
        ["second", "/a"],
        ["third", "/a"],
      ],
    ]);
    asked.length = 0;
    await connected("/a", { key: "right" });
    await connected("/a", { key: "nobody asks" });
    const expected = [
      ...[
        ["first", "/a", { key: "right" }],
        ["second", "/a"],
      ],
      ...[
        ["connection", "/a"],
        ["connection", "/a"],
      ],
    ];
    await vi.waitFor(() => expect(asked).toEqual(expected));
  });

  test("a name that is made by hand is a child of the expression that it matches", async () => {
    running = await startServer(kind, {}, (io) => {
      io.of(/^\/dynamic-\d+$/).on("connection", (socket: Socket) => socket.emit("from the parent"));
      io.of("/dynamic-7");
    });
    const socket = to("/dynamic-7");
    await event(socket, "from the parent");
    expect(await refused("/dynamic")).toBe("Invalid namespace");
  });

  test("two sockets of one connection, and one that asks twice before the answer", async () => {
    const calls: Array<() => void> = [];
    running = await startServer(kind, {}, (io) => {
      io.of((_name, _auth, next) => calls.push(() => next(null, true)));
    });
    const session = await WebSocketSession.open(running.port);
    session.send("40/a,");
    session.send("40/b,");
    await vi.waitFor(() => expect(calls.length).toBe(2));
    calls[1]?.();
    expect(await session.text()).toMatch(/^40\/b,\{"sid"/);
    calls[0]?.();
    expect(await session.text()).toMatch(/^40\/a,\{"sid"/);
    session.ws.connection.destroy();
  });

  test("a client that leaves while it is decided makes nothing go wrong", async () => {
    const calls: Array<() => void> = [];
    running = await startServer(kind, {}, (io) => {
      io.of((_name, _auth, next) => calls.push(() => next(null, true))).on("connection", (socket) =>
        socket.emit("hello"),
      );
    });
    const session = await WebSocketSession.open(running.port);
    session.send("40/a,");
    await vi.waitFor(() => expect(calls.length).toBe(1));
    session.ws.connection.destroy();
    calls[0]?.();
    await event(to("/a"), "hello");
  });

  test.each([true, false])("cleanupEmptyChildNamespaces: %s", async (cleanupEmptyChildNamespaces) => {
    let made = 0;
    running = await startServer(kind, { cleanupEmptyChildNamespaces }, (io) => {
      io.of(/^\/dynamic-\d+$/).on("connection", () => {});
      io.of("/static").on("connection", () => {});
      io.on("new_namespace", () => {
        made++;
      });
    });
    const names = (running.io as unknown as { _nsps: Map<string, unknown> })._nsps;
    const [one, two] = [await connected("/dynamic-1"), await connected("/dynamic-1")];
    const fixed = await connected("/static");
    one.disconnect();
    await vi.waitFor(() => expect(running.io.of("/dynamic-1").sockets.size).toBe(1));
    expect(names.has("/dynamic-1")).toBe(true);
    two.disconnect();
    fixed.disconnect();
    const left = ["/", "/static", ...(cleanupEmptyChildNamespaces ? [] : ["/dynamic-1"])].sort();
    await vi.waitFor(() => expect([...names.keys()].sort()).toEqual(left));
    await connected("/dynamic-1");
    expect(made).toBe(cleanupEmptyChildNamespaces ? 2 : 1);
    expect(await refused("/none")).toBe("Invalid namespace");
  });

  test("cleanupEmptyChildNamespaces: a namespace whose only client is refused goes", async () => {
    running = await startServer(kind, { cleanupEmptyChildNamespaces: true }, (io) => {
      io.of(/^\/dynamic-\d+$/).use((_socket, next) => next(new Error("no")));
    });
    expect(await refused("/dynamic-1")).toBe("no");
    const names = (running.io as unknown as { _nsps: Map<string, unknown> })._nsps;
    await vi.waitFor(() => expect([...names.keys()]).toEqual(kind === "ours" ? ["/"] : expect.anything()));
  });
});

test("a function that throws refuses the client, and the error is the application's", async () => {
  const uncaught = vi.fn();
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", uncaught);
  try {
    running = await startOurs({}, (io) => {
      io.of(() => {
        throw new Error("mine");
      });
    });
    expect(await refused("/a")).toBe("Invalid namespace");
    await vi.waitFor(() =>
      expect(uncaught).toHaveBeenCalledWith(expect.objectContaining({ message: "mine" }), expect.anything()),
    );
  } finally {
    process.removeListener("uncaughtException", uncaught);
    for (const other of others) process.on("uncaughtException", other);
  }
});

test("who asks twice before the answer is answered once", async () => {
  const calls: Array<() => void> = [];
  running = await startOurs({}, (io) => {
    io.of((_name, _auth, next) => calls.push(() => next(null, true)));
  });
  const session = await WebSocketSession.open(running.port);
  session.send('40/a,{"first":1}');
  await vi.waitFor(() => expect(calls.length).toBe(1));
  session.send('40/a,{"second":1}');
  session.send("40/b,");
  await vi.waitFor(() => expect(calls.length).toBe(2));
  calls[0]?.();
  expect(await session.text()).toMatch(/^40\/a,/);
  const socket = running.io.of("/a").sockets.values().next().value;
  expect(socket?.handshake.auth).toEqual({ second: 1 });
  session.ws.connection.destroy();
});
