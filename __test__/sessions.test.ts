// Sessions named by a cookie or a bearer token, and how they end: everywhere, at once, whatever a client is doing.
import { createServer, type Server as HttpServer } from "node:http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { watchArrivals } from "./support/arrivals.js";
import { type Attached, client, connected, event, MODES, realtime, startAttached } from "./support/nself.js";
import { describeFrame, PollingSession, split, WebSocketSession } from "./support/raw.js";

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const path = "/api/ws/";
const key = "0123456789abcdef".repeat(4);
const over = "f".repeat(64);
const unknown = "0".repeat(64);

/** A store with one good session, and one that has expired; `asked` has what it was asked for. */
function store() {
  const asked: string[] = [];
  const sessions = new Map([
    [key, { userId: "ann", expiresAt: Date.now() + 60_000 }],
    [over, { userId: "bob", expiresAt: Date.now() - 1 }],
  ]);
  const validate = (asks: string) => {
    asked.push(asks);
    return sessions.get(asks) ?? null;
  };
  return { asked, sessions, authenticate: realtime.sessionCookie("nself-session", validate) };
}

/** A promise, and what settles it. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe.each(Object.entries(MODES))("sessionCookie over %s", (_, transports) => {
  test.each([
    ["the cookie", { cookie: `theme=dark; nself-session=${key}` }],
    ["a bearer token", { authorization: `Bearer ${key}` }],
    ["a bearer token beside a bad cookie", { authorization: `bearer ${key}`, cookie: "nself-session=x" }],
  ])("lets in by %s", async (_, extraHeaders) => {
    const { authenticate, asked } = store();
    running = await startAttached({ authenticate });
    await connected(running.port, { transports, extraHeaders });
    expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);
    expect(asked).toEqual([key]);
  });

  test.each([
    ["no cookie", {}, []],
    ["a bogus cookie", { cookie: "nself-session=admin" }, []],
    ["an unknown session", { cookie: `nself-session=${unknown}` }, [unknown]],
    ["a truncated cookie", { cookie: `nself-session=${key.slice(0, 63)}` }, []],
    ["a cookie that goes on", { cookie: `nself-session=${key}0` }, []],
    ["a line behind the key", { cookie: `nself-session=${key}%0A` }, []],
    ["an expired session", { cookie: `nself-session=${over}` }, [over]],
    ["the cookie inside another's value", { cookie: `theme="nself-session=${key}"` }, []],
    ["the cookie inside another's value, unquoted", { cookie: `theme=nself-session=${key}` }, []],
    ["the cookie inside another's quoted list", { cookie: `theme="a; nself-session=${key}"` }, []],
    ["the cookie of a longer name", { cookie: `xnself-session=${key}` }, []],
    ["the cookie of a name that goes on", { cookie: `nself-session-old=${key}` }, []],
    ["the cookie of a name that reads the same", { cookie: `nself%2Dsession=${key}` }, []],
    ["an empty cookie", { cookie: "nself-session=" }, []],
    ["a good cookie before a bad one", { cookie: `nself-session=${key}; nself-session=x` }, []],
    ["a good cookie before an unknown one", { cookie: `nself-session=${key}; nself-session=${unknown}` }, [unknown]],
    ["the cookie in another case", { cookie: `NSELF-SESSION=${key}` }, []],
    ["a bad bearer token beside a good cookie", { authorization: "Bearer x", cookie: `nself-session=${key}` }, []],
    ["the key as basic authentication", { authorization: `Basic ${key}` }, []],
  ])("refuses %s", async (_, extraHeaders, expected) => {
    const { authenticate, asked } = store();
    running = await startAttached({ authenticate });
    const socket = client(running.port, { transports, extraHeaders, auth: { userId: "ann", session: key } });
    const error = await event(socket, "connect_error");
    expect(error.data).toEqual({ code: expected[0] === over ? "ERR_SESSION_ENDED" : "ERR_UNAUTHORIZED" });
    expect(running.server.getPresence()).toEqual([]);
    // The store never sees what cannot be a key.
    expect(asked).toEqual(expected);
  });

  test("a foreign page with a good cookie gets nowhere", async () => {
    const { authenticate, asked } = store();
    running = await startAttached({ authenticate });
    const extraHeaders = { cookie: `nself-session=${key}`, Origin: "http://evil.example" };
    await event(client(running.port, { transports, extraHeaders }), "connect_error");
    expect(asked).toEqual([]);
  });

  test("logout ends the session's connections in every namespace, and nobody else's", async () => {
    const { authenticate, sessions } = store();
    const other = "a".repeat(64);
    sessions.set(other, { userId: "ann", expiresAt: Date.now() + 60_000 });
    running = await startAttached({ authenticate });
    running.server.getIO().of("/admin");
    const mine = await connected(running.port, { transports, extraHeaders: { cookie: `nself-session=${key}` } });
    const admin = mine.io.socket("/admin");
    await event(admin, "connect");
    const elsewhere = await connected(running.port, { transports, extraHeaders: { cookie: `nself-session=${other}` } });
    const gone = Promise.all([event(mine, "disconnect"), event(admin, "disconnect")]);
    sessions.delete(key);
    expect(running.server.disconnectSession(key)).toBe(2);
    expect(await gone).toEqual(["io server disconnect", "io server disconnect"]);
    expect(running.server.getPresence()).toHaveLength(1);
    const last = event(elsewhere, "disconnect");
    expect(running.server.disconnectUser("ann")).toBe(1);
    await last;
    expect(running.server.getPresence()).toEqual([]);
    expect(running.server.disconnectUser("ann")).toBe(0);
  });
});

test("authenticate is asked once for a connection; its namespaces share what it says", async () => {
  const authenticate = vi.fn(async () => ({ userId: "ann", role: "operator", expiresAt: Date.now() + 60_000 }));
  running = await startAttached({ authenticate });
  const io = running.server.getIO();
  const seen: unknown[] = [];
  for (const nsp of [io.of("/"), io.of("/admin"), io.of("/late")]) {
    nsp.on("connection", (socket) => seen.push([nsp.name, socket.userId, socket.data.role]));
  }
  io.of("/checked").use((socket, next) => {
    seen.push(["/checked", socket.userId, socket.data.role]);
    next();
  });
  const socket = client(running.port);
  const admin = socket.io.socket("/admin");
  await Promise.all([event(socket, "connect"), event(admin, "connect")]);
  for (const name of ["/late", "/checked"]) {
    const more = socket.io.socket(name);
    await event(more, "connect");
  }
  expect(authenticate).toHaveBeenCalledTimes(1);
  expect(seen).toEqual(["/", "/admin", "/late", "/checked"].map((name) => [name, "ann", "operator"]));
});

test("who comes again over a connection that nobody is left on is asked about again", async () => {
  let user = "ann";
  running = await startAttached({ authenticate: () => ({ userId: user }) });
  const session = await PollingSession.open(running.port, { path });
  await session.join();
  await session.post("41");
  user = "bob";
  await session.join();
  expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["bob"]);
});

test("one that is slow to authenticate holds nobody up", async () => {
  const { open, opened } = gate();
  running = await startAttached({
    authenticate: async ({ auth }) => {
      if (auth.slow) await opened;
      return { userId: String(auth.name) };
    },
  });
  const slow = client(running.port, { auth: { name: "ann", slow: true } });
  await connected(running.port, { auth: { name: "bob" } });
  expect(slow.connected).toBe(false);
  open();
  await event(slow, "connect");
});

test("more than maxPendingAuthentications at a time are refused, and counted", async () => {
  const { open, opened } = gate();
  let asked = 0;
  const { open: full, opened: isFull } = gate();
  running = await startAttached({
    maxPendingAuthentications: 3,
    authenticate: async () => {
      if (++asked === 3) full();
      await opened;
      return { userId: "ann" };
    },
  });
  const waiting = [1, 2, 3].map(() => client(running!.port));
  const entered = waiting.map((socket) => event(socket, "connect"));
  await isFull;
  const error = await event(client(running.port), "connect_error");
  expect([error.message, error.data]).toEqual(["too many clients are connecting; try again", { code: "ERR_BUSY" }]);
  expect(running.server.stats().denied.busy).toBe(1);
  expect(running.server.metrics()).toContain('nself_realtime_denied_total{reason="busy"} 1');
  open();
  await Promise.all(entered);
  await connected(running.port);
  // Who gives up while waiting leaves its place, too.
  expect(asked).toBe(4);
});

describe("a logout while authenticate decides", () => {
  test.each([
    ["of the session", "session"],
    ["of the user", "user"],
  ])("%s refuses whoever it lets in", async (_, what) => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({
      // The store said yes before the logout.
      authenticate: async () => {
        ask();
        await opened;
        return { userId: "ann", session: key };
      },
    });
    const socket = client(running.port);
    await asking;
    if (what === "session") running.server.disconnectSession(key);
    else running.server.disconnectUser("ann");
    open();
    const error = await event(socket, "connect_error");
    expect([error.message, error.data]).toEqual(["the session has ended", { code: "ERR_SESSION_ENDED" }]);
    expect(running.server.getPresence()).toEqual([]);
  });

  test("while a middleware decides, too; its JavaScript socket is gone again", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({ authenticate: () => ({ userId: "ann", session: key }) });
    const io = running.server.getIO();
    io.use((_socket, next) => {
      ask();
      void opened.then(() => next());
    });
    const socket = client(running.port);
    await asking;
    running.server.disconnectSession(key);
    open();
    expect((await event(socket, "connect_error")).data).toEqual({ code: "ERR_SESSION_ENDED" });
    await vi.waitFor(() => expect(io.sockets.sockets.size).toBe(0));
  });
});

test("logout answers a poll that is parked, and ends the session", async () => {
  const { authenticate } = store();
  running = await startAttached({ authenticate });
  watchArrivals(running.http as HttpServer);
  const headers = { cookie: `nself-session=${key}` };
  const session = await PollingSession.open(running.port, { path, headers });
  await session.join();
  const parked = await session.startGet();
  expect(running.server.disconnectSession(key)).toBe(1);
  const response = await parked.response;
  expect([response.status, split(response)[0]]).toEqual([200, "41"]);
  await vi.waitFor(async () => expect((await session.get()).status).toBe(400));
  expect(running.server.getPresence()).toEqual([]);
});

test("logout ends a session whose upgrade is under way", async () => {
  const { authenticate } = store();
  running = await startAttached({ authenticate });
  const headers = { cookie: `nself-session=${key}` };
  const session = await PollingSession.open(running.port, { path, headers });
  await session.join();
  const probe = await WebSocketSession.attach(running.port, { path, sid: session.sid, headers });
  probe.send("2probe");
  expect(await probe.text()).toBe("3probe");
  expect(running.server.disconnectSession(key)).toBe(1);
  // The client goes on with its upgrade, as it has not heard yet.
  probe.send("5");
  const { frames } = await probe.ws.rest();
  expect(frames.map(describeFrame)[0]).toBe("41");
  expect((await session.get()).status).toBe(400);
  expect(running.server.getPresence()).toEqual([]);
});

describe("sessionFromRoute", () => {
  /** An application with routes of all shapes; `requests` has what they were asked. */
  async function application(options?: Parameters<typeof realtime.sessionFromRoute>[1], route = "/api/session") {
    const requests: Array<{ method: string; cookie: string | undefined; agent: string | undefined; body: string }> = [];
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const http = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const { cookie, "user-agent": agent } = request.headers;
      requests.push({ method: request.method ?? "", cookie, agent, body });
      const token = cookie?.split("nself-session=")[1] ?? request.headers.authorization?.slice(7);
      const json = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
      if (request.url === "/api/broken") json(500, {});
      else if (request.url === "/api/html") response.end("<html>");
      else if (request.url === "/api/login") response.writeHead(307, { location: "/login" }).end();
      else if (request.url === "/api/other") json(200, { user: { name: "ann" }, role: "admin" });
      else if (request.url === "/api/invalid") json(200, { valid: false });
      else if (token !== key) json(401, { error: "no session" });
      else json(200, { success: true, userId: "ann", expiresAt });
    });
    const authenticate = (...args: Parameters<ReturnType<typeof realtime.sessionCookie>>) =>
      realtime.sessionCookie("nself-session", realtime.sessionFromRoute(url, options))(...args);
    running = await startAttached({ authenticate }, http);
    const url = `http://127.0.0.1:${running.port}${route}`;
    return { requests, running, expiresAt };
  }
  const cookie = (value: string) => ({
    extraHeaders: { cookie: `theme=dark; nself-session=${value}`, "user-agent": "page" },
  });
  const code = async (port: number, value = key) =>
    (await event(client(port, cookie(value)), "connect_error")).data.code as string;

  test("asks the route with the client's cookies; its session is what disconnectSession ends", async () => {
    const { requests, running } = await application();
    const socket = await connected(running.port, cookie(key));
    expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);
    expect(requests).toEqual([{ method: "GET", cookie: `theme=dark; nself-session=${key}`, agent: "page", body: "" }]);
    const gone = event(socket, "disconnect");
    expect(running.server.disconnectSession(key)).toBe(1);
    await gone;
  });

  test("asks by POST with the key", async () => {
    const { requests, running } = await application({ method: "POST" });
    await connected(running.port, { extraHeaders: { authorization: `Bearer ${key}` } });
    expect(requests.map(({ method, body }) => [method, JSON.parse(body)])).toEqual([["POST", { token: key }]]);
  });

  test("takes a time as text", async () => {
    const { running, expiresAt } = await application();
    const data = new Promise((resolve) => running.server.getIO().on("connection", (socket) => resolve(socket.data)));
    await connected(running.port, cookie(key));
    expect(await data).toEqual({ expiresAt: Date.parse(expiresAt) });
  });

  test("reads an answer of another shape", async () => {
    const read = (body: { user: { name: string }; role: string }) => ({ userId: body.user.name, role: body.role });
    const { running } = await application({ read }, "/api/other");
    const data = new Promise((resolve) => running.server.getIO().on("connection", (socket) => resolve(socket.data)));
    await connected(running.port, cookie(key));
    expect(await data).toEqual({ role: "admin" });
  });

  test.each([
    ["/api/session", "ERR_UNAUTHORIZED", unknown],
    ["/api/login", "ERR_UNAUTHORIZED", key],
    ["/api/invalid", "ERR_UNAUTHORIZED", key],
    ["/api/broken", "ERR_AUTHENTICATION", key],
    ["/api/html", "ERR_AUTHENTICATION", key],
    ["/api/other", "ERR_AUTHENTICATION", key],
  ])("%s: %s", async (route, expected, value) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { running } = await application({}, route);
    expect(await code(running.port, value)).toBe(expected);
    expect(running.server.getPresence()).toEqual([]);
    expect(log).toHaveBeenCalledTimes(expected === "ERR_AUTHENTICATION" ? 1 : 0);
    log.mockRestore();
  });

  test("a path is asked of this machine, at the port that Next has set", async () => {
    const { running } = await application({}, "/api/session");
    vi.stubEnv("PORT", String(running.port));
    const found = await realtime.sessionFromRoute("/api/session")(key, {
      headers: { cookie: `nself-session=${key}` },
    } as never);
    vi.unstubAllEnvs();
    expect(found?.userId).toBe("ann");
  });

  test.each([[""], ["api/session"], ["file:///x"], [7]])("the URL %j is refused", (url) => {
    expect(() => realtime.sessionFromRoute(url as string)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTION" }),
    );
  });
  test.each([{ method: "PUT" }, { read: 7 }, { reed: () => null }, null])("the options %j are refused", (options) => {
    expect(() => realtime.sessionFromRoute("/x", options as never)).toThrow(/option/);
  });
});
