// socket.conn and socket.client: the connection under sockets, on the official server and on ours.
import type { Server, Socket } from "socket.io";
import { describe, expect, test, vi } from "vitest";
import { applications, ways } from "./support/both.js";
import { client, connected, event } from "./support/nself.js";
import { elapse, PollingSession, WebSocketSession, within } from "./support/raw.js";
import { kinds, oracleOnly } from "./support/servers.js";

const path = "/socket.io";
const started = applications();

type Conn = Socket["conn"];
/** The next socket of a server. */
const nextSocket = (io: Server) => new Promise<Socket>((resolve) => io.once("connection", resolve));

describe.each(kinds)("%s", (kind) => {
  describe.each(ways)("by %s", (way) => {
    test("an upgrade: polling first, then the event, then websocket", async () => {
      const seen: unknown[] = [];
      const { port } = await started(
        kind,
        (io) =>
          io.on("connection", ({ conn }) => {
            seen.push(conn.transport.name);
            conn.once("upgrade", (transport: { name: string }) => {
              seen.push(["upgrade", transport.name, conn.transport.name]);
            });
          }),
        { way },
      );
      await connected(port, { path, transports: ["polling", "websocket"] });
      await vi.waitFor(() => expect(seen).toEqual(["polling", ["upgrade", "websocket", "websocket"]]));
    });

    test.each([["websocket"], ["polling"]])("what there is of it over %s", async (transport) => {
      const { io, port } = await started(kind, () => {}, { way });
      const coming = nextSocket(io);
      const client = await connected(port, { path, transports: [transport] });
      const { conn, client: owner, request, handshake } = await coming;
      expect((conn as unknown as { id: string }).id).toBe(client.io.engine.id);
      expect((owner as unknown as { id: string }).id).toBe(client.io.engine.id);
      expect([conn.transport.name, conn.protocol, conn.readyState, conn.upgraded, conn.upgrading]).toEqual([
        transport,
        4,
        "open",
        false,
        false,
      ]);
      expect([owner.conn, owner.request, conn.request]).toEqual([conn, request, request]);
      expect((conn as unknown as { server: unknown }).server).toBe(io.engine);
      expect(conn.remoteAddress).toBe(handshake.address);
      expect(request.url).toBe(handshake.url);
      expect((request as unknown as { _query: object })._query).toEqual({ ...handshake.query });
      expect((conn as unknown as { writeBuffer: unknown[] }).writeBuffer).toHaveLength(0);
    });
  });

  test("sockets of one connection share conn, client and request", async () => {
    const seen: Socket[] = [];
    const { port } = await started(kind, (io) => {
      for (const name of ["/", "/other"]) io.of(name).on("connection", (socket) => seen.push(socket));
    });
    const socket = await connected(port, { path, transports: ["websocket"] });
    socket.io.socket("/other");
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    const [one, other] = seen as [Socket, Socket];
    expect([one.conn === other.conn, one.client === other.client, one.request === other.request]).toEqual([
      true,
      true,
      true,
    ]);
    await connected(port, { path, transports: ["websocket"] });
    await vi.waitFor(() => expect(seen).toHaveLength(3));
    expect(seen[2]?.conn).not.toBe(one.conn);
  });

  test("conn outlives a socket that leaves, and is the same for the next one", async () => {
    const conns: Conn[] = [];
    const gone: string[] = [];
    const { port } = await started(kind, (io) =>
      io.on("connection", (socket) => {
        conns.push(socket.conn);
        socket.on("disconnect", (reason) => gone.push(`${reason}: ${socket.conn.readyState}`));
      }),
    );
    const session = await WebSocketSession.open(port);
    await session.join();
    session.ws.text("41");
    await vi.waitFor(() => expect(gone).toEqual(["client namespace disconnect: open"]));
    session.ws.text("40");
    await vi.waitFor(() => expect(conns).toHaveLength(2));
    expect(conns[0]).toBe(conns[1]);
  });

  describe.each([["websocket"], ["polling"]])("close over %s", (transport) => {
    test("comes behind the sockets' disconnect, once, with its reason", async () => {
      const seen: unknown[] = [];
      const { io, port } = await started(kind, () => {});
      const coming = nextSocket(io);
      const client = await connected(port, { path, transports: [transport] });
      const socket = await coming;
      socket.on("disconnect", (reason) => seen.push(["disconnect", reason]));
      socket.conn.on("close", (reason: string, description: unknown) => {
        seen.push(["close", reason, description, socket.conn.readyState]);
      });
      client.disconnect();
      await vi.waitFor(() => expect(seen).toHaveLength(2));
      expect(seen).toEqual([
        // The namespace is left first, if the client has the time to say so.
        ["disconnect", expect.stringMatching(/^(client namespace disconnect|transport close)$/)],
        ["close", "transport close", undefined, "closed"],
      ]);
    });

    test.each<[string, (io: Server, socket: Socket) => unknown, string]>([
      ["socket.disconnect(true)", (_, socket) => socket.disconnect(true), "server namespace disconnect"],
      ["io.disconnectSockets(true)", (io) => io.disconnectSockets(true), "server namespace disconnect"],
      ["io.close()", (io) => io.close(), "server shutting down"],
    ])("%s: its sockets have their reason, and it is a forced close", async (_name, act, reason) => {
      const seen: unknown[] = [];
      const { io, port } = await started(kind, () => {});
      const coming = nextSocket(io);
      await connected(port, { path, transports: [transport], reconnection: false });
      const socket = await coming;
      socket.on("disconnect", (why) => seen.push(why));
      socket.conn.on("close", (why: string) => seen.push(why));
      act(io, socket);
      await vi.waitFor(() => expect(seen).toEqual([reason, "forced close"]));
    });

    test("close() of ours: forced close", async () => {
      const seen: unknown[] = [];
      const { io, port } = await started(kind, () => {});
      const coming = nextSocket(io);
      const client = await connected(port, { path, transports: [transport], reconnection: false });
      const { conn } = await coming;
      conn.on("close", (reason: string) => seen.push(reason));
      const ended = event(client, "disconnect");
      conn.close();
      await ended;
      await vi.waitFor(() => expect(seen).toEqual(["forced close"]));
    });
  });

  test("a listener that comes when the connection is over hears of it no more, and reads that it is closed", async () => {
    const { io, port } = await started(kind, () => {});
    const coming = nextSocket(io);
    const client = await connected(port, { path, transports: ["websocket"] });
    const socket = await coming;
    const gone = new Promise((resolve) => socket.on("disconnect", resolve));
    client.disconnect();
    await gone;
    await vi.waitFor(() => expect(socket.conn.readyState).toBe("closed"));
    expect(socket.conn.remoteAddress).toBe(socket.handshake.address);
  });

  test("packets from the client: packet, data, message", async () => {
    const seen: unknown[] = [];
    const { port } = await started(kind, (io) =>
      io.on("connection", (socket) => {
        const { conn } = socket;
        conn.on("packet", ({ type, data }: { type: string; data?: unknown }) => seen.push(["packet", type, data]));
        conn.on("message", (data: unknown) => seen.push(["message", data]));
        // What a client says as soon as it is in may come before a first listener does.
        socket.emit("go");
      }),
    );
    const socket = client(port, { path, transports: ["websocket"] });
    await event(socket, "go");
    socket.emit("hello", 1);
    socket.emit("bytes", Buffer.from([1, 2, 3]));
    const last = ["message", Buffer.from([1, 2, 3])];
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(last));
    const text = '51-["bytes",{"_placeholder":true,"num":0}]';
    expect(seen).toEqual([
      ["packet", "message", '2["hello",1]'],
      ["message", '2["hello",1]'],
      ["packet", "message", text],
      ["message", text],
      ["packet", "message", Buffer.from([1, 2, 3])],
      last,
    ]);
  });

  test("packets to the client: packetCreate, then drain", async () => {
    const created: unknown[] = [];
    let drained = 0;
    const { io, port } = await started(kind, () => {});
    const coming = nextSocket(io);
    await connected(port, { path, transports: ["websocket"] });
    const socket = await coming;
    socket.conn.on("packetCreate", ({ type, data }: { type: string; data?: unknown }) => created.push([type, data]));
    socket.conn.on("drain", () => drained++);
    socket.emit("one", 1);
    io.emit("all");
    socket.emit("bytes", Buffer.from([7]));
    await vi.waitFor(() => expect(drained).toBeGreaterThan(0));
    await vi.waitFor(() => expect(created).toHaveLength(4));
    expect(created).toEqual([
      ["message", '2["one",1]'],
      ["message", '2["all"]'],
      ["message", '51-["bytes",{"_placeholder":true,"num":0}]'],
      ["message", Buffer.from([7])],
    ]);
  });

  test("heartbeats, and what was listened to no more is told no more", async () => {
    const { io, port } = await started(kind, () => {}, { options: { pingInterval: 30, pingTimeout: 20_000 } });
    const coming = nextSocket(io);
    await connected(port, { path, transports: ["websocket"] });
    const { conn } = await coming;
    let beats = 0;
    const beat = () => beats++;
    conn.on("heartbeat", beat);
    await vi.waitFor(() => expect(beats).toBeGreaterThan(1));
    conn.off("heartbeat", beat);
    const then = beats;
    await elapse(100);
    expect(beats).toBe(then);
  });

  test("send goes past Socket.IO", async () => {
    const { io, port } = await started(kind, () => {});
    const coming = nextSocket(io);
    const session = await WebSocketSession.open(port);
    await session.join();
    const { conn } = await coming;
    conn.send("hello");
    conn.write(Buffer.from([1, 2]));
    expect(await within("a text", session.ws.next())).toMatchObject({ payload: Buffer.from("4hello") });
    expect(await within("bytes", session.ws.next())).toMatchObject({ payload: Buffer.from([1, 2]) });
  });

  test("writeBuffer holds what waits for a client that polls", async () => {
    const { io, port } = await started(kind, () => {});
    const coming = nextSocket(io);
    const session = await PollingSession.open(port);
    await session.join();
    const socket = await coming;
    const { writeBuffer: before } = socket.conn as unknown as { writeBuffer: unknown[] };
    expect(before).toHaveLength(0);
    for (let n = 0; n < 3; n++) socket.emit("wait", n);
    const buffer = () => (socket.conn as unknown as { writeBuffer: unknown[] }).writeBuffer;
    await vi.waitFor(() => expect(buffer()).toHaveLength(3));
  });
});

describe.skipIf(oracleOnly)("ours", () => {
  test("what a transport has not is refused by its name", async () => {
    const { io, port } = await started("ours", () => {});
    const coming = nextSocket(io);
    await connected(port, { path, transports: ["websocket"] });
    const { transport } = (await coming).conn as unknown as { transport: { on(): void } };
    expect(() => transport.on()).toThrow(/socket\.conn\.transport\.on is not supported: listen to socket\.conn/);
  });
});
