// Between the knock and the door: what a client may try while it is decided whether it is let in, and what may end meanwhile.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Attached, client, connected, event, MODES, realtime, settled, startAttached } from "./support/nself.js";
import { describeFrame, PollingSession, request, text, WebSocketSession } from "./support/raw.js";

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const path = "/api/ws/";

/** A promise, and what settles it. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("who it is, is settled once", () => {
  test.each(Object.entries(MODES))("a later namespace cannot say otherwise, over %s", async (_, transports) => {
    running = await startAttached({ authenticate: ({ auth }) => ({ userId: String(auth.name) }) });
    const io = running.server.getIO();
    const seen: unknown[] = [];
    io.of("/admin").on("connection", (socket) => seen.push([socket.userId, socket.handshake.auth.name]));
    const socket = await connected(running.port, { transports, auth: { name: "ann" } });
    const admin = socket.io.socket("/admin", { auth: { name: "root" } });
    await event(admin, "connect");
    await vi.waitFor(() => expect(seen).toEqual([["ann", "root"]]));
    expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);
  });

  test("by the request that opened the connection: what later ones carry says nothing", async () => {
    const key = "a".repeat(64);
    const asked = vi.fn((_key: string) => ({ userId: "ann" }));
    running = await startAttached({ authenticate: realtime.sessionCookie("nself-session", asked) });
    const cookie = { cookie: `nself-session=${key}`, authorization: `Bearer ${key}` };
    const refused = '44{"message":"unauthorized","data":{"code":"ERR_UNAUTHORIZED"}}';
    const session = await PollingSession.open(running.port, { path });
    await session.post("40", cookie);
    expect(split(text(await session.get(cookie)))).toEqual([refused]);
    const ws = await WebSocketSession.attach(running.port, { path, sid: session.sid, headers: cookie });
    ws.send("2probe");
    expect(await ws.text()).toBe("3probe");
    ws.send("5");
    ws.send("40");
    expect(await ws.text()).toBe(refused);
    expect(asked).not.toHaveBeenCalled();
  });

  test("what was said of a connection is known in each of its namespaces, however they come and go", async () => {
    running = await startAttached({ authenticate: () => ({ userId: "ann", role: "operator" }) });
    const io = running.server.getIO();
    io.of("/quiet");
    const roles: unknown[] = [];
    io.on("connection", (socket) => roles.push([socket.userId, socket.data.role]));
    const session = await WebSocketSession.open(running.port, { path });
    for (const [namespace, leaves] of [
      ["/", false],
      ["/quiet", true],
      ["/", true],
    ] as const) {
      expect(await session.join(namespace)).toMatch(/^40/);
      if (leaves) session.send("41");
    }
    await vi.waitFor(() => expect(roles).toHaveLength(2));
    expect(roles).toEqual(Array(2).fill(["ann", "operator"]));
  });
});

function split(body: string): string[] {
  return body.split("\x1e").filter((packet) => packet !== "6");
}

describe("a client that leaves before it is answered", () => {
  test("is nowhere afterwards, and its answer lets in nobody who took its place", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({
      authenticate: async ({ auth }) => {
        if (auth.name !== "ann") return null;
        ask();
        await opened;
        return { userId: "ann" };
      },
    });
    const { port, server } = running;
    const came = vi.fn();
    server.getIO().on("connection", came);
    const ann = await WebSocketSession.open(port, { path });
    ann.send('40{"name":"ann"}');
    await asking;
    ann.ws.connection.destroy();
    await vi.waitFor(() => expect(server.stats().connections.websocket).toBe(0));
    const others = await Promise.all([1, 2, 3].map(() => WebSocketSession.open(port, { path })));
    const answers = Promise.all(others.map((session) => session.join("/", '{"name":"bob"}')));
    open();
    for (const answer of await answers) expect(answer).toMatch(/^44/);
    expect(server.getPresence()).toEqual([]);
    expect(came).not.toHaveBeenCalled();
  });

  test.each([
    ["a packet to the namespace that it waits for", '42["join:room",{"roomId":"lobby"}]'],
    ["an ack", "430[]"],
    ["a DISCONNECT", "41"],
  ])("and one that does not wait is closed: %s", async (_, packet) => {
    const { open, opened } = gate();
    running = await startAttached({ authenticate: () => opened.then(() => ({ userId: "ann" })) });
    const session = await WebSocketSession.open(running.port, { path });
    session.send("40");
    session.send(packet);
    await session.ws.rest();
    open();
    expect(running.server.getPresence()).toEqual([]);
    expect(running.server.getRoomMembers("lobby")).toEqual([]);
    await connected(running.port);
  });
});

describe("a client that asks again before it is answered", () => {
  test.each(Object.entries(MODES))("is who it says it is now, once, over %s", async (_, transports) => {
    const { open, opened } = gate();
    const asked = { ann: gate(), bob: gate() };
    running = await startAttached({
      authenticate: async ({ auth }) => {
        asked[auth.name as "ann" | "bob"].open();
        if (auth.name === "ann") await opened;
        return { userId: String(auth.name) };
      },
    });
    const { port, server } = running;
    const io = server.getIO();
    const came: unknown[] = [];
    io.on("connection", (socket) => came.push(socket.userId));
    const socket = client(port, { transports, auth: { name: "ann" } });
    // Without a second namespace that holds it, the client would give the connection up.
    socket.io.socket("/nowhere");
    const connects = vi.fn();
    socket.on("connect", connects);
    const hellos = vi.fn();
    socket.on("hello", hellos);
    await asked.ann.opened;
    socket.disconnect();
    socket.auth = { name: "bob" };
    socket.connect();
    await event(socket, "connect");
    open();
    await settled(socket);
    io.emit("hello");
    await settled(socket);
    expect([connects, hellos].map((spy) => spy.mock.calls.length)).toEqual([1, 1]);
    expect(came).toEqual(["bob"]);
    expect(server.getPresence().map(({ userId }) => userId)).toEqual(["bob"]);
    expect(server.stats().sockets).toBe(1);
    socket.disconnect();
    await vi.waitFor(() => expect([io.sockets.sockets.size, server.stats().sockets]).toEqual([0, 0]));
    expect(server.getPresence()).toEqual([]);
  });

  test("counts as often as it asks, until authenticate has decided, and never twice", async () => {
    const { open, opened } = gate();
    let asked = 0;
    running = await startAttached({
      maxPendingAuthentications: 2,
      authenticate: async () => {
        asked++;
        await opened;
        return { userId: "ann" };
      },
    });
    const session = await WebSocketSession.open(running.port, { path });
    for (let i = 1; i <= 2; i++) {
      session.send("40");
      await vi.waitFor(() => expect(asked).toBe(i));
    }
    session.send("40");
    expect(await session.text()).toMatch(/^44.*ERR_BUSY/);
    open();
    await vi.waitFor(async () => expect(await session.join()).toMatch(/^40/));
    expect(running.server.getPresence()).toHaveLength(1);
    for (let i = 0; i < 4; i++) await connected(running.port);
  });
});

describe("an end that comes in between", () => {
  test("the session expires while a middleware decides: refused", async () => {
    running = await startAttached({ authenticate: () => ({ userId: "ann", expiresAt: Date.now() + 100 }) });
    const io = running.server.getIO();
    io.use((_socket, next) => void setTimeout(next, 250));
    const error = await event(client(running.port), "connect_error");
    expect(error.data).toEqual({ code: "ERR_SESSION_ENDED" });
    expect(running.server.getPresence()).toEqual([]);
    await vi.waitFor(() => expect(io.sockets.sockets.size).toBe(0));
  });

  test("a session without an end has none", async () => {
    running = await startAttached({ authenticate: () => ({ userId: "ann", expiresAt: Number.POSITIVE_INFINITY }) });
    const socket = await connected(running.port);
    await settled(socket);
    expect(running.server.getPresence()).toHaveLength(1);
  });

  test("a logout while another namespace's middleware decides: it never comes to be", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({ authenticate: () => ({ userId: "ann" }) });
    const admin = running.server.getIO().of("/admin");
    const came = vi.fn();
    admin.on("connection", came);
    admin.use((_socket, next) => {
      ask();
      void opened.then(() => next());
    });
    const session = await WebSocketSession.open(running.port, { path });
    await session.join();
    session.send("40/admin,");
    await asking;
    expect(running.server.disconnectUser("ann")).toBe(2);
    const { frames } = await session.ws.rest();
    expect(frames.some((frame) => frame.payload.toString().startsWith("40"))).toBe(false);
    open();
    await connected(running.port);
    expect(came).not.toHaveBeenCalled();
    expect(admin.sockets.size).toBe(0);
  });

  test("a logout while authenticate decides and the upgrade is under way", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({
      authenticate: async () => {
        ask();
        await opened;
        return { userId: "ann", session: "s" };
      },
    });
    const session = await PollingSession.open(running.port, { path });
    await session.post("40");
    await asking;
    const probe = await WebSocketSession.attach(running.port, { path, sid: session.sid });
    probe.send("2probe");
    expect(await probe.text()).toBe("3probe");
    running.server.disconnectSession("s");
    probe.send("5");
    open();
    expect(await probe.text()).toBe('44{"message":"the session has ended","data":{"code":"ERR_SESSION_ENDED"}}');
    expect(running.server.getPresence()).toEqual([]);
  });

  test("a server that is shut down while it is asked: nothing is thrown", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate<void>();
    let questions = 0;
    running = await startAttached({
      authenticate: async ({ auth }) => {
        if (auth.slow) {
          if (++questions === 2) ask();
          await opened;
        }
        return { userId: "ann" };
      },
      authorizeJoin: async () => {
        if (++questions === 2) ask();
        await opened;
        return true;
      },
    });
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    client(running.port, { auth: { slow: true } });
    const socket = await connected(running.port);
    socket.emit("join:room", { roomId: "lobby" });
    await asking;
    await running.close();
    running = undefined;
    open();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe("names that mean something to JavaScript", () => {
  test("in the query, the headers, the cookies and auth are names", async () => {
    let seen: import("../ts/server/index.js").AuthenticateHandshake | undefined;
    running = await startAttached({
      authenticate: (handshake) => {
        seen = handshake;
        return handshake.auth.userId || handshake.query.userId ? { userId: "root" } : null;
      },
    });
    const session = await WebSocketSession.open(running.port, {
      path,
      query: "&__proto__=x&__proto__[userId]=root&constructor.prototype.userId=root&toString=x",
      headers: { __proto__x: "1", constructor: "x", cookie: "__proto__=x; constructor=y; userId=root" },
    });
    expect(
      await session.join("/", '{"__proto__":{"userId":"root"},"constructor":{"prototype":{"userId":"root"}}}'),
    ).toMatch(/^44.*ERR_UNAUTHORIZED/);
    expect(Object.getPrototypeOf(seen!.cookies)).toBeNull();
    expect(({} as { userId?: unknown }).userId).toBeUndefined();
    expect(Object.getPrototypeOf(seen!.query)).toBe(Object.prototype);
    expect(Object.keys(seen!.query)).toContain("__proto__");
  });

  test("an auth of a thousand kinds and depths ends nobody but its own", async () => {
    running = await startAttached({ authenticate: () => null });
    const deep = (text: string) => text.repeat(15_000);
    for (const auth of [
      `{"a":${deep("[")}${deep("]")}}`,
      `{"a":${deep('{"a":')}1${deep("}")}}`,
      '{"a":"\\ud800"}',
      '{"\\udfff":1}',
      '{"a":1e999,"b":-0,"c":1E-999}',
      '{"a":1,"a":2}',
      '{"\\u0000":"\\u2028\u2028"}',
      "[]",
      "null",
      '"x"',
      "1",
      "{",
      '{"a":01}',
      '{"a":\t1}',
      '{"a":"\t"}',
    ]) {
      const session = await WebSocketSession.open(running.port, { path });
      session.send(`40${auth}`);
      // Refused, or closed for what is no packet.
      expect([auth.slice(0, 20), describeFrame(await session.ws.next(auth.slice(0, 20)))]).toEqual([
        auth.slice(0, 20),
        expect.stringMatching(/^(44.*ERR_UNAUTHORIZED|close)/),
      ]);
      session.ws.connection.destroy();
    }
    expect(running.server.getPresence()).toEqual([]);
  });
});

describe("allowRequest", () => {
  test.each([
    "",
    "#&sid=AAAAAAAAAAAAAAAAAAAA",
    "#?sid=AAAAAAAAAAAAAAAAAAAA",
    "&sid=",
    "&sid=AAAAAAAAAAAAAAAAAAAA&sid=",
    "&%73id=AAAAAAAAAAAAAAAAAAAA&sid=",
    "&x=&sid=%",
    "&a=?sid=AAAAAAAAAAAAAAAAAAAA",
  ])("is not passed by with %j behind the query", async (more) => {
    const allowRequest = vi.fn((_request, callback) => callback(null, false));
    const http = createServer();
    const io = new realtime.Server(http, { allowRequest });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = http.address() as AddressInfo;
      const response = await request(port, "GET", `/socket.io/?EIO=4&transport=polling${more}`);
      expect([400, 403]).toContain(response.status);
      expect(text(response)).not.toContain("pingInterval");
    } finally {
      http.closeAllConnections();
      await io.close();
    }
  });
});
