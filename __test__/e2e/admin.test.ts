// The example's own server: who may do what, what its routes refuse, and that a result reaches only whom it is for.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DbQueryResultEvent, DockerStatsEvent, ServiceStatusEvent } from "../../ts/events.js";
import { arrival, connect, disconnectAll, join, post } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";

let server: NextServer;
let cookie: string;

beforeAll(async () => {
  server = await startNext({ folder: example, mode: "start" });
  cookie = await logIn(server.url);
});

afterAll(async () => {
  disconnectAll();
  await server?.program.stop();
});

const ROUTES: Array<[string, string, object?]> = [
  ["GET", "/api/services"],
  ["POST", "/api/services/start", { service: "api" }],
  ["POST", "/api/services/stop", { service: "api" }],
  ["GET", "/api/logs/stream"],
  ["POST", "/api/logs/stream", { service: "api", line: "x" }],
  ["GET", "/api/nself/build"],
  ["POST", "/api/nself/build", {}],
  ["DELETE", "/api/nself/build"],
  ["GET", "/api/deploy"],
  ["POST", "/api/deploy", { environment: "local" }],
  ["GET", "/api/docker/stats"],
  ["POST", "/api/database/query", { queryId: "q", sql: "select 1" }],
  ["GET", "/api/database/tables"],
  ["GET", "/api/realtime"],
  ["POST", "/api/auth/logout", {}],
];

async function ask(method: string, path: string, body?: object | string, headers: Record<string, string> = {}) {
  const response = await fetch(server.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, answer: (await response.json()) as { success: boolean; error?: string } };
}

describe("who may", () => {
  it.each(ROUTES)(
    "%s %s is refused without a session, with a false one, and to another site's page",
    async (...route) => {
      const [method, path, body] = route;
      const bogus = `nself-session=${"a".repeat(64)}`;
      expect((await ask(method, path, body)).status).toBe(401);
      expect((await ask(method, path, body, { cookie: bogus })).status).toBe(401);
      const foreign = await ask(method, path, body, { cookie, "sec-fetch-site": "cross-site" });
      expect(foreign.status).toBe(403);
      expect(foreign.answer.success).toBe(false);
    },
  );

  it.each([
    ["no cookie", {}],
    ["a false cookie", { cookie: `nself-session=${"b".repeat(64)}` }],
    ["a cookie that is no session id", { cookie: "nself-session=admin" }],
  ])("refuses a socket with %s", async (_name, extraHeaders) => {
    await expect(connect(server.url, "websocket", { extraHeaders })).rejects.toMatchObject({ message: "unauthorized" });
  });

  it("sets a cookie of 64 hex characters that scripts cannot read", async () => {
    const response = await fetch(`${server.url}/api/auth/login`, {
      method: "POST",
      body: JSON.stringify({ user: "ada", password: "nself-demo" }),
    });
    expect(response.headers.get("set-cookie")).toMatch(
      /^nself-session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=28800$/,
    );
  });

  it("ends the session's connections at logout, and lets the session in no more", async () => {
    const mine = await logIn(server.url, "grace");
    const otherMachine = await logIn(server.url, "grace");
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie: mine } });
    const elsewhere = await connect(server.url, "websocket", { extraHeaders: { cookie: otherMachine } });
    const other = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    const ended = new Promise((resolve) => socket.once("disconnect", resolve));
    await post(`${server.url}/api/auth/logout`, {}, mine);
    expect(await ended).toBe("io server disconnect");
    expect(elsewhere.connected).toBe(true);
    elsewhere.disconnect();
    await expect(connect(server.url, "websocket", { extraHeaders: { cookie: mine } })).rejects.toThrow("unauthorized");
    expect((await ask("GET", "/api/auth/session", undefined, { cookie: mine })).status).toBe(401);
    expect(other.connected).toBe(true);
    other.disconnect();
  });

  it("keeps a user's own room to that user", async () => {
    const socket = await connect(server.url, "websocket", {
      extraHeaders: { cookie: await logIn(server.url, "grace") },
    });
    const join = (roomId: string) => socket.emitWithAck("join:room", { roomId });
    expect(await join("db:grace")).toEqual({ ok: true });
    expect(await join("logs:api")).toEqual({ ok: true });
    for (const room of ["db:ada", "db:", "db:grace.x"]) {
      expect(await join(room)).toMatchObject({ ok: false, code: "ERR_FORBIDDEN" });
    }
    socket.disconnect();
  });

  it("is the same to a page, a route and a socket, if there are two cookies", async () => {
    const ada = await logIn(server.url, "ada");
    const grace = await logIn(server.url, "grace");
    const cookies = [`${ada}; ${grace}`, `${grace};${ada}`, `${ada}; nself-session=%zz`, `${ada}; nself-session=`];
    const seen = [];
    for (const cookie of cookies) {
      const page = await (await fetch(server.url, { headers: { cookie }, redirect: "manual" })).text();
      const { answer } = await ask("GET", "/api/auth/session", undefined, { cookie });
      const { data } = answer as { data?: { user: string } };
      const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } }).catch(() => undefined);
      const asSocket: string[] = [];
      for (const user of ["ada", "grace"]) {
        const joined = await socket?.emitWithAck("join:room", { roomId: `db:${user}` });
        if (joined?.ok) asSocket.push(user);
      }
      socket?.disconnect();
      seen.push({
        page: ["ada", "grace"].filter((user) => page.includes(`>${user}<`)),
        route: data ? [data.user] : [],
        socket: asSocket,
      });
    }
    const all = (...users: string[]) => ({ page: users, route: users, socket: users });
    expect(seen).toEqual([all("grace"), all("ada"), all("ada"), all()]);
  });

  it("takes a session as a bearer, too", async () => {
    const authorization = `Bearer ${cookie.split("=")[1]}`;
    expect((await ask("GET", "/api/services", undefined, { authorization })).status).toBe(200);
  });
});

describe("what is refused", () => {
  it.each<[string, object | string, number, string]>([
    ["/api/services/start", { service: "nothing" }, 404, 'there is no service "nothing"'],
    ["/api/services/start", { service: 7 }, 400, '"service" must be a text'],
    ["/api/services/stop", "{", 400, "the request is not JSON"],
    ["/api/services/stop", "[]", 400, "expected an object"],
    ["/api/logs/stream", { service: "api", line: " " }, 400, '"line" must be a text'],
    ["/api/logs/stream", { service: "api", line: "x".repeat(1001) }, 400, '"line" is longer than 1000 characters'],
    ["/api/deploy", { environment: "moon" }, 400, '"environment" must be one of local, staging, production'],
    ["/api/deploy", { environment: "local" }, 409, "there is no build yet: build first"],
    ["/api/database/query", { queryId: "q", sql: "select 1" }, 409, "PostgreSQL is not running"],
    ["/api/auth/login", { user: "a b", password: "x" }, 400, "a name is made of letters, digits, . - and _"],
    ["/api/auth/login", { user: "admin", password: "wrong" }, 401, "that is not the password"],
    ["/api/services/start", { service: "x".repeat(70_000) }, 413, "the request is larger than 64 KiB"],
  ])("%s %o: %i", async (path, body, status, error) => {
    const refused = await ask("POST", path, body, { cookie });
    expect(refused).toEqual({ status, answer: { success: false, error } });
  });

  it("asks for no more passwords after ten wrong ones in a minute", async () => {
    const other = await startNext({ folder: example, mode: "start", env: { NSELF_ADMIN_PASSWORD: "secret" } });
    try {
      const page = await (await fetch(`${other.url}/login`)).text();
      expect(page).not.toContain("nself-demo");
      for (let i = 0; i < 10; i++) await expect(logIn(other.url)).rejects.toThrow("401");
      await expect(logIn(other.url, "admin", "secret")).rejects.toThrow("429");
    } finally {
      await other.program.stop();
    }
  });
});

describe("the database", () => {
  const query = (sql: string, queryId: string) => post(`${server.url}/api/database/query`, { queryId, sql }, cookie);

  it("answers in the room of who asked, and to nobody else", async () => {
    const mine = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    const eves = await connect(server.url, "websocket", { extraHeaders: { cookie: await logIn(server.url, "eve") } });
    await join(mine, "db:admin");
    const heard: unknown[] = [];
    eves.on("db:query:result", (event) => heard.push(event));
    const running = arrival<ServiceStatusEvent>(
      mine,
      "service:status",
      (data) => data.service === "postgres" && data.status === "running",
    );
    await post(`${server.url}/api/services/start`, { service: "postgres" }, cookie);
    await running;

    const answer = async (queryId: string, sql: string) => {
      const arrived = arrival<DbQueryResultEvent>(mine, "db:query:result", (data) => data.queryId === queryId);
      await query(sql, queryId);
      return (await arrived).data;
    };
    const values =
      "select 1 as a, null as a, 12345678901234567890 as n, '{\"x\": [1]}'::jsonb as j, '\\xff00'::bytea as b";
    expect(await answer("values", values)).toMatchObject({
      rowCount: 1,
      rows: [[1, null, "12345678901234567890", '{"x":[1]}', "\\xff00"]],
      fields: [{ name: "a", dataTypeID: 23 }, { name: "a" }, { name: "n" }, { name: "j" }, { name: "b" }],
    });
    const many = await answer("many", "select * from generate_series(1, 5000)");
    expect([many.rowCount, many.rows.length]).toEqual([5000, 200]);
    expect(await answer("wrong", "select * frm orders")).toMatchObject({
      rows: [],
      error: 'syntax error at or near "frm" (at character 10)',
    });
    expect(await answer("written", "create table t (x int); insert into t values (1), (2)")).toMatchObject({
      rowCount: 2,
      fields: [],
    });
    const tables = (await (await fetch(`${server.url}/api/database/tables`, { headers: { cookie } })).json()) as {
      data: unknown[];
    };
    expect(tables.data).toContainEqual({ name: "t", columns: ["x"] });

    // An answer to another question, sent later to everybody, proves that nothing is still on its way to eve.
    const last = arrival<ServiceStatusEvent>(eves, "service:status", (data) => data.status === "running");
    await post(`${server.url}/api/services/start`, { service: "worker" }, cookie);
    await last;
    expect(heard).toEqual([]);
    mine.disconnect();
    eves.disconnect();
  });

  it("ends a query that takes too long, while everything else goes on", async () => {
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    await join(socket, "db:admin");
    const arrived = arrival<DbQueryResultEvent>(socket, "db:query:result", (data) => data.queryId === "endless");
    const unhealthy = arrival<ServiceStatusEvent>(socket, "service:status", (data) => data.status === "unhealthy");
    await query("select count(*) from generate_series(1, 1000000000000)", "endless");
    const services = fetch(`${server.url}/api/services`, { headers: { cookie } });
    expect(await Promise.race([arrived, services.then(() => "the services")])).toBe("the services");
    expect((await arrived).data.error).toMatch(/longer than 10 s/);
    expect((await unhealthy).data.service).toBe("postgres");
    socket.disconnect();
  });
});

describe("the monitor", () => {
  it("tells what a process of its own uses", async () => {
    const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
    const own = await arrival<DockerStatsEvent>(
      socket,
      "docker:stats",
      ({ containerName }) => containerName === "admin",
    );
    expect(own.data.containerId).toBe(String(server.program.child.pid));
    expect(own.data.stats.memory).toBeGreaterThan(20_000_000);
    expect(own.data.stats.memory).toBeLessThan(own.data.stats.memoryLimit);
    socket.disconnect();
  });
});
