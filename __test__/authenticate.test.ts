// Who may connect: the application's authenticate, and the Origin of a page.
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Attached, client, connected, event, join, MODES, realtime, startAttached } from "./support/nself.js";
import { PollingSession, request, text, upgrade, webSocketTarget } from "./support/raw.js";

type Handshake = import("../ts/server/index.js").AuthenticateHandshake;

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const session = "0123456789abcdef".repeat(4);

describe.each(Object.entries(MODES))("authenticate over %s", (_, transports) => {
  test("sees headers, cookies, query, auth and address, and names the user", async () => {
    let seen: Handshake | undefined;
    running = await startAttached({
      authenticate: async (handshake) => {
        seen = handshake;
        return { userId: "ann", role: "operator" };
      },
    });
    const data = new Promise((resolve) => {
      running!.server.getIO().on("connection", (socket) => resolve([socket.userId, socket.data]));
    });
    const socket = await connected(running.port, {
      transports,
      query: { tab: "logs" },
      auth: { userId: "admin", role: "admin", token: "t" },
      extraHeaders: { cookie: `theme=dark; nself-session=${session}`, authorization: "Bearer b" },
    });
    expect(seen?.cookies).toEqual({ theme: "dark", "nself-session": session });
    expect(seen?.headers.authorization).toBe("Bearer b");
    expect(seen?.query.tab).toBe("logs");
    expect(seen?.auth).toEqual({ userId: "admin", role: "admin", token: "t" });
    expect(seen?.address).toMatch(/127\.0\.0\.1$/);
    // What the client says of itself is not who it is.
    expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);
    expect(await data).toEqual(["ann", { role: "operator" }]);
    const joined = event(socket, "room:joined");
    await join(socket, "lobby");
    expect((await joined).data.userId).toBe("ann");
  });

  test.each([
    ["null", () => null, "unauthorized", "ERR_UNAUTHORIZED"],
    ["undefined", async () => undefined, "unauthorized", "ERR_UNAUTHORIZED"],
    [
      "a throw",
      () => {
        throw new Error("the secret of the store");
      },
      "authentication failed",
      "ERR_AUTHENTICATION",
    ],
    ["a rejection", () => Promise.reject(new Error("the secret")), "authentication failed", "ERR_AUTHENTICATION"],
    ["no userId", () => ({ role: "admin" }) as never, "authentication failed", "ERR_AUTHENTICATION"],
    ["an empty userId", () => ({ userId: "" }), "authentication failed", "ERR_AUTHENTICATION"],
    ["true", () => true as never, "authentication failed", "ERR_AUTHENTICATION"],
  ])("refuses on %s, and tells the client no more than that", async (_, authenticate, message, code) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    running = await startAttached({ authenticate });
    const socket = client(running.port, { transports });
    const error = await event(socket, "connect_error");
    expect([error.message, error.data]).toEqual([message, { code }]);
    expect(socket.connected).toBe(false);
    expect(running.server.getPresence()).toEqual([]);
    // The operator learns why.
    expect(log.mock.calls.length > 0).toBe(code === "ERR_AUTHENTICATION");
    log.mockRestore();
  });

  test("a refused client may try again on the same connection", async () => {
    running = await startAttached({ authenticate: ({ auth }) => (auth.token ? { userId: "ann" } : null) });
    const socket = client(running.port, { transports, auth: {} });
    await event(socket, "connect_error");
    socket.auth = { token: "t" };
    socket.connect();
    await event(socket, "connect");
    expect(running.server.getUserPresence("ann")).toHaveLength(1);
  });

  test("the session's end ends the connection", async () => {
    running = await startAttached({ authenticate: () => ({ userId: "ann", expiresAt: Date.now() + 1500 }) });
    const socket = await connected(running.port, { transports });
    await event(socket, "disconnect");
    expect(running.server.getPresence()).toEqual([]);
  });
});

describe("a session that is recovered", () => {
  async function comeBackAs(user: string) {
    const seen: unknown[] = [];
    running = await startAttached({
      connectionStateRecovery: {},
      authenticate: ({ auth }) => ({ userId: String(auth.token) }),
    });
    running.server.getIO().on("connection", (socket) => {
      seen.push([socket.userId, socket.recovered, socket.data.note]);
      socket.data.note = "hers";
    });
    const auth = { token: "ann" };
    const socket = client(running.port, { transports: ["websocket"], auth, reconnection: true, reconnectionDelay: 20 });
    socket.connect();
    await event(socket, "connect");
    await join(socket, "private");
    const first = event(socket, "marked");
    running.server.getIO().emit("marked", 1);
    await first;
    const got: unknown[] = [];
    socket.on("secret", (value) => got.push(value));
    auth.token = user;
    const again = event(socket, "connect");
    const left = new Promise((resolve) => {
      for (const one of running!.server.getIO().sockets.sockets.values()) one.once("disconnect", resolve);
    });
    socket.io.engine.close();
    await left;
    running.server.getIO().to("private").emit("secret", "for ann");
    await again;
    const last = event(socket, "last");
    running.server.getIO().emit("last");
    await last;
    return { got, seen, recovered: socket.recovered, members: running.server.getRoomMembers("private").length };
  }

  test("gives its user back the rooms, the data and what was missed", async () => {
    expect(await comeBackAs("ann")).toEqual({
      got: ["for ann"],
      seen: [
        ["ann", false, undefined],
        ["ann", true, "hers"],
      ],
      recovered: true,
      members: 1,
    });
  });

  test("gives somebody else nothing of it", async () => {
    expect(await comeBackAs("bob")).toEqual({
      got: [],
      seen: [
        ["ann", false, undefined],
        ["bob", false, undefined],
      ],
      recovered: false,
      members: 0,
    });
  });
});

test("no answer within ten seconds refuses", async () => {
  let asked = () => {};
  const asking = new Promise<void>((resolve) => {
    asked = resolve;
  });
  running = await startAttached({
    authenticate: () => {
      asked();
      return new Promise(() => {});
    },
  });
  const started = performance.now();
  const socket = client(running.port);
  const refused = event(socket, "connect_error");
  await asking;
  const error = await refused;
  expect(performance.now() - started).toBeGreaterThan(9_900);
  expect([error.message, error.data]).toEqual(["authentication timed out", { code: "ERR_AUTHENTICATION_TIMEOUT" }]);
  expect(running.server.getPresence()).toEqual([]);
});

test("without authenticate nobody is somebody, whatever a client says", async () => {
  running = await startAttached();
  await connected(running.port, {
    auth: { userId: "admin", user: "admin", token: "x" },
    query: { userId: "admin" },
    extraHeaders: { cookie: `nself-session=${session}`, authorization: "Bearer admin" },
  });
  expect(running.server.getPresence().map(({ userId }) => userId)).toEqual([null]);
});

// The same as `cookies().get(name).value` of Next 14.2.35 and 16.4.6 gives.
test.each([
  ["a=1; b=2", { a: "1", b: "2" }],
  ["a=1;b=2", { a: "1", b: "2" }],
  [" a = 1 ; b=2 ; ", { "a ": " 1 ", b: "2 " }],
  ['a="quoted value"', { a: '"quoted value"' }],
  ["a=one=two==", { a: "one=two==" }],
  ["a=%C3%BC%20x", { a: "ü x" }],
  ["a=%zz", {}],
  ["a=first; a=second", { a: "second" }],
  ["a=first; a=%zz", { a: "first" }],
  ["a=first; a=", { a: "" }],
  ["flag; =nameless; b=2", { flag: "true", "": "nameless", b: "2" }],
  ["xnself-session=bad; nself-session=good", { "xnself-session": "bad", "nself-session": "good" }],
  ["__proto__=x; toString=y", JSON.parse('{"__proto__":"x","toString":"y"}')],
])("the cookies of %j", async (cookie, expected) => {
  let seen: Record<string, string> = {};
  running = await startAttached({
    authenticate: ({ cookies }) => {
      seen = cookies;
      return { userId: "ann" };
    },
  });
  await connected(running.port, { extraHeaders: { cookie } });
  expect(Object.entries(seen)).toEqual(Object.entries(expected));
  expect(seen.constructor).toBeUndefined();
});

describe("Origin", () => {
  const polling = "/api/ws/?EIO=4&transport=polling";
  const path = "/api/ws/";

  async function verdicts(port: number, headers: Record<string, string>) {
    const get = await request(port, "GET", polling, { headers });
    const ws = await upgrade(port, webSocketTarget({ path }), { headers });
    ws.connection.destroy();
    return [get.status, ws.response.status];
  }

  test("a foreign page gets in by no transport; the same host, and programs without Origin, do", async () => {
    running = await startAttached();
    const { port } = running;
    for (const Origin of [
      "http://evil.example",
      `http://127.0.0.1.evil.example:${port}`,
      `http://evil.example/http://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 1}`,
      "http://127.0.0.1",
      "null",
    ]) {
      expect([Origin, ...(await verdicts(port, { Origin }))]).toEqual([Origin, 403, 400]);
    }
    expect(await verdicts(port, { Origin: `http://127.0.0.1:${port}` })).toEqual([200, 101]);
    expect(await verdicts(port, { Host: "admin.local", Origin: "https://admin.local" })).toEqual([200, 101]);
    expect(await verdicts(port, {})).toEqual([200, 101]);
  });

  test("it is checked on every request of a session, too", async () => {
    running = await startAttached();
    const { port } = running;
    const open = await PollingSession.open(port, { path });
    const headers = { Origin: "http://evil.example" };
    expect((await open.post("40", headers)).status).toBe(403);
    expect((await open.get(headers)).status).toBe(403);
    const stolen = await upgrade(port, webSocketTarget({ path, sid: open.sid }), { headers });
    expect(stolen.response.status).toBe(400);
    stolen.connection.destroy();
    expect(await open.join()).toMatch(/^40\{"sid":/);
  });

  test("a refused page's authenticate is never asked", async () => {
    const authenticate = vi.fn(() => ({ userId: "admin" }));
    running = await startAttached({ authenticate });
    const socket = client(running.port, {
      extraHeaders: { Origin: "http://evil.example", cookie: "nself-session=bogus" },
    });
    await event(socket, "connect_error");
    expect(authenticate).not.toHaveBeenCalled();
  });

  test("cors.origin lets others in", async () => {
    running = await startAttached({ cors: { origin: ["http://friend.example"], credentials: true } });
    const { port } = running;
    expect(await verdicts(port, { Origin: "http://friend.example" })).toEqual([200, 101]);
    expect(await verdicts(port, { Origin: "http://evil.example" })).toEqual([403, 400]);
    expect(await verdicts(port, { Origin: `http://127.0.0.1:${port}` })).toEqual([200, 101]);
  });

  test("in listen mode, too", async () => {
    const server = await realtime.listen({ port: 0, host: "127.0.0.1" });
    try {
      expect(await verdicts(server.port!, { Origin: "http://evil.example" })).toEqual([403, 400]);
      expect(await verdicts(server.port!, { Origin: `http://127.0.0.1:${server.port}` })).toEqual([200, 101]);
    } finally {
      await server.shutdown();
    }
  });

  test("the refusal says why", async () => {
    running = await startAttached();
    const response = await request(running.port, "GET", polling, { headers: { Origin: "http://evil.example" } });
    expect(JSON.parse(text(response))).toEqual({ code: 4, message: "Origin not allowed" });
  });
});
