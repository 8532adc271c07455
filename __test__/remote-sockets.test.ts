// Sockets from outside: fetchSockets, allSockets, and the map of sockets, beside the official server.
import { afterEach, describe, expect, test, vi } from "vitest";
import { client, closeClients, connected, event } from "./support/nself.js";
import { kinds, type RunningServer, startServer } from "./support/servers.js";

vi.setConfig({ testTimeout: 60_000 });

const path = "/socket.io";
let running: RunningServer;
afterEach(async () => {
  closeClients();
  await running.close();
});

describe.each(kinds)("%s", (kind) => {
  /** A server without a listener, two clients, the first of them in room "r". */
  async function two(setup?: Parameters<typeof startServer>[2]) {
    running = await startServer(kind, {}, setup);
    const clients = [
      await connected(running.port, { path, auth: { name: "ann" } }),
      await connected(running.port, { path }),
    ] as const;
    const ids = clients.map(({ id }) => id as string) as [string, string];
    running.io.in(ids[0]).socketsJoin("r");
    return { io: running.io, clients, ids };
  }

  test("io.sockets.sockets has who came before anybody looked, and stays a live map", async () => {
    const { io, clients, ids } = await two();
    const map = io.sockets.sockets;
    expect([...map.keys()].sort()).toEqual([...ids].sort());
    expect(map.get(ids[0])).toMatchObject({ id: ids[0], connected: true });
    // They are sockets like others: they hear, answer and leave.
    const heard = new Promise((resolve) => map.get(ids[0])?.on("say", (word, ack) => ack(resolve(word))));
    await clients[0].emitWithAck("say", "hello");
    expect(await heard).toBe("hello");
    const gone = new Promise((resolve) => map.get(ids[1])?.on("disconnect", resolve));
    clients[1].disconnect();
    expect(await gone).toBe("client namespace disconnect");
    expect([...map.keys()]).toEqual([ids[0]]);
    const third = await connected(running.port, { path });
    await vi.waitFor(() => expect(map.has(third.id as string)).toBe(true));
  });

  test.each(["before", "after"])(
    "fetchSockets gives id, rooms, handshake and data, a listener added %s",
    async (when) => {
      const { io, ids } = await two((io) => void (when === "before" && io.on("connection", () => {})));
      const [all, some, none, rest] = await Promise.all([
        io.fetchSockets(),
        io.in("r").fetchSockets(),
        io.in("empty").fetchSockets(),
        io.except("r").local.fetchSockets(),
      ]);
      expect(all.map(({ id }) => id).sort()).toEqual([...ids].sort());
      expect(some.map(({ id }) => id)).toEqual([ids[0]]);
      expect(none).toEqual([]);
      expect(rest.map(({ id }) => id)).toEqual([ids[1]]);
      const [ann] = some;
      expect([...(ann?.rooms ?? [])].sort()).toEqual([ids[0], "r"].sort());
      expect(ann?.handshake.address).toContain("127.0.0.1");
      expect(ann?.handshake.url).toContain("/socket.io/");
      expect(ann?.data).toEqual({});
    },
  );

  test("data is that of the socket", async () => {
    const { io } = await two((io) => io.on("connection", (socket) => Object.assign(socket.data, { seen: 1 })));
    const data = () => io.fetchSockets().then((sockets) => sockets.map((socket) => socket.data));
    await vi.waitFor(async () => expect(await data()).toEqual([{ seen: 1 }, { seen: 1 }]));
  });

  test("what can be done to a fetched socket: emit, join, leave, disconnect", async () => {
    const { io, clients, ids } = await two();
    const [ann] = await io.in("r").fetchSockets();
    const hello = event(clients[0], "hello");
    ann?.emit("hello", 1);
    expect(await hello).toBe(1);
    ann?.join(["a", "b"]);
    ann?.leave("a");
    await vi.waitFor(async () => {
      const [again] = await io.in("b").fetchSockets();
      expect([...(again?.rooms ?? [])].sort()).toEqual([ids[0], "b", "r"].sort());
    });
    const gone = event(clients[0], "disconnect");
    expect(ann?.disconnect()).toBe(ann);
    expect(await gone).toBe("io server disconnect");
    await vi.waitFor(async () => expect((await io.fetchSockets()).map(({ id }) => id)).toEqual([ids[1]]));
  });

  test("a fetched socket answers", async () => {
    const { io, clients } = await two();
    clients[0].on("ask", (n, ack) => ack(n + 1, "ignored"));
    clients[1].on("ask", () => {});
    const [ann] = await io.in("r").fetchSockets();
    const answer = await new Promise((resolve) => {
      ann?.timeout(30_000).emit("ask", 1, (error: Error | null, answer: unknown) => resolve([error, answer]));
    });
    // The object of a socket itself passes all arguments, of which this one reads the first, too.
    expect(answer).toEqual([null, 2]);
    expect(await ann?.timeout(30_000).emitWithAck("ask", 2)).toBe(3);
  });

  test("allSockets gives ids", async () => {
    const { io, ids } = await two();
    const other = await connected(running.port, { path });
    io.in(ids[1]).socketsJoin(["r", "s"]);
    const sorted = (set: Set<string>) => [...set].sort();
    expect(sorted(await io.allSockets())).toEqual([...ids, other.id].sort());
    expect(sorted(await io.of("/").allSockets())).toEqual([...ids, other.id].sort());
    expect(sorted(await io.in("s").allSockets())).toEqual([ids[1]]);
    expect(sorted(await io.in("r").in("s").allSockets())).toEqual([...ids].sort());
    expect(await io.in("none").allSockets()).toEqual(new Set());
    expect(await io.of("/none").allSockets()).toEqual(new Set());
  });

  test("a closed server has nobody", async () => {
    const { io } = await two();
    const namespace = io.of("/late");
    await io.close();
    expect(await namespace.fetchSockets()).toEqual([]);
    expect(await io.allSockets()).toEqual(new Set());
  });

  test("a namespace that nobody listens to: middleware that refuses leaves nothing behind", async () => {
    running = await startServer(kind, {}, (io) =>
      io.of("/closed").use((socket, next) => {
        socket.join("left behind");
        next(new Error("no"));
      }),
    );
    await event(client(`http://127.0.0.1:${running.port}/closed`, { path }), "connect_error");
    const namespace = running.io.of("/closed");
    expect([namespace.sockets.size, namespace.adapter.rooms.size]).toEqual([0, 0]);
    expect(await namespace.fetchSockets()).toEqual([]);
  });
});
