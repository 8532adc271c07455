// `cors` with functions and regular expressions: asked on a shared port and on a port of Rust's, once for each connection.
import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import type { RealtimeOptions } from "../ts/server/index.js";
import { client, event, MODES, realtime, startAttached } from "./support/nself.js";
import { header, PollingSession, request, text, upgrade, WebSocketSession, webSocketTarget } from "./support/raw.js";

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const path = "/api/ws/";
const polling = `${path}?EIO=4&transport=polling`;
const A = "https://a.example";
const EVIL = "https://evil.test";

const WAYS: Record<string, (options: RealtimeOptions) => Promise<number>> = {
  "on a shared port": async (options) => {
    const { port, close } = await startAttached(options, createServer());
    undo.push(close);
    return port;
  },
  "on a port of Rust's": async (options) => {
    const server = await realtime.listen({ port: 0, host: "127.0.0.1", ...options });
    undo.push(() => server.shutdown());
    return server.port as number;
  },
};

test("allowRequest sees no cookies of other hosts' pages where any may come", async () => {
  const seen: unknown[] = [];
  const port = await WAYS["on a shared port"]!({
    cors: { origin: "*" },
    allowRequest: (request, done) => {
      seen.push([request.headers.cookie, request.rawHeaders.some((one) => one.toLowerCase() === "cookie")]);
      done(null, true);
    },
  });
  for (const Origin of [EVIL, `http://127.0.0.1:${port}`]) {
    const headers = { Origin, Cookie: "session=1" };
    expect((await request(port, "GET", polling, { headers })).status).toBe(200);
    await WebSocketSession.open(port, { path, headers });
  }
  const [none, all] = [
    [undefined, false],
    ["session=1", true],
  ];
  expect(seen).toEqual([none, none, all, all]);
});

describe.each(Object.entries(WAYS))("%s", (_way, start) => {
  test.each([
    ["an expression", /^https:\/\/a\./],
    ["a list with one", ["https://b.example", /^https:\/\/a\./]],
    [
      "a function",
      (origin: string | undefined, done: (error: null, allow: boolean) => void) => done(null, origin === A),
    ],
    [
      "a function that takes its time",
      (origin: string | undefined, done: (error: null, allow: boolean) => void) =>
        void setTimeout(() => done(null, origin === A), 20),
    ],
  ])("%s lets its origins in, and no others, on every response", async (_name, origin) => {
    const port = await start({ cors: { origin, credentials: true, exposedHeaders: ["X-Seen"] } });
    const headers = { Origin: A };
    const session = await PollingSession.open(port, { path, headers });
    const dressed = (response: { headers: [string, string][] } & Parameters<typeof header>[0]) =>
      ["allow-origin", "allow-credentials", "expose-headers"].map((name) => header(response, `access-control-${name}`));
    expect(dressed(session.response)).toEqual([A, "true", "X-Seen"]);
    expect(header(session.response, "vary")).toContain("Origin");
    const post = await request(port, "POST", session.target, { headers, body: "40" });
    expect([post.status, ...dressed(post)]).toEqual([200, A, "true", "X-Seen"]);
    const poll = await request(port, "GET", session.target, { headers });
    expect([poll.status, ...dressed(poll)]).toEqual([200, A, "true", "X-Seen"]);
    const ask = { ...headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a" };
    const preflight = await request(port, "OPTIONS", polling, { headers: ask });
    expect([preflight.status, ...dressed(preflight)]).toEqual([204, A, "true", "X-Seen"]);
    expect(header(preflight, "access-control-allow-headers")).toBe("x-a");
    const socket = await WebSocketSession.open(port, { path, headers });
    expect(await socket.join()).toMatch(/^40/);

    for (const [method, target] of [
      ["GET", polling],
      ["GET", session.target],
      ["POST", session.target],
    ] as const) {
      const refused = await request(port, method, target, { headers: { Origin: EVIL } });
      expect([refused.status, text(refused)]).toEqual([403, '{"code":4,"message":"Origin not allowed"}']);
      expect(header(refused, "access-control-allow-origin")).toBeUndefined();
    }
    const foreign = await request(port, "OPTIONS", polling, { headers: { ...ask, Origin: EVIL } });
    expect(header(foreign, "access-control-allow-origin")).toBeUndefined();
    const done = await upgrade(port, webSocketTarget({ path }), { headers: { Origin: EVIL } });
    expect([done.response.status, text(done.response)]).toEqual([400, "Origin not allowed"]);
    done.connection.destroy();
  });

  test("a function of the request sees it, and its errors refuse it", async () => {
    const seen: unknown[] = [];
    const port = await start({
      cors: (request, done) => {
        seen.push([request.method, request.url, request.headers["x-tenant"], typeof request.socket.remoteAddress]);
        if (request.headers["x-tenant"] === "bad") done(new Error("no such tenant"));
        else done(null, { origin: `https://${request.headers["x-tenant"]}.example` });
      },
    });
    const ask = (tenant: string, Origin: string) =>
      request(port, "GET", polling, { headers: { Origin, "X-Tenant": tenant } });
    expect((await ask("a", A)).status).toBe(200);
    expect((await ask("b", A)).status).toBe(403);
    const failed = await ask("bad", A);
    expect([failed.status, text(failed)]).toEqual([400, '{"code":3,"message":"Bad request"}']);
    expect(seen).toEqual(["a", "b", "bad"].map((tenant) => ["GET", polling, tenant, "string"]));
    const done = await upgrade(port, webSocketTarget({ path }), { headers: { Origin: A, "X-Tenant": "bad" } });
    expect(done.response.status).toBe(400);
    done.connection.destroy();
  });

  test("a WebSocket asks once, whatever it says later", async () => {
    let asked = 0;
    const port = await start({
      cors: {
        origin: (_, done) => {
          asked++;
          done(null, true);
        },
      },
    });
    const socket = await WebSocketSession.open(port, { path, headers: { Origin: A } });
    await socket.join();
    for (let i = 0; i < 3; i++) {
      socket.send('420["heartbeat"]');
      await socket.text();
    }
    expect(asked).toBe(1);
  });

  test.each(Object.entries(MODES))("the official client comes in: %s", async (_mode, transports) => {
    const port = await start({ cors: { origin: /^https:\/\/a\./ } });
    const good = client(port, { transports, extraHeaders: { origin: A } });
    await event(good, "connect");
    const bad = client(port, { transports, extraHeaders: { origin: EVIL } });
    expect(await event(bad, "connect_error")).toBeInstanceOf(Error);
  });

  test("with any origin and credentials others come, without their cookies", async () => {
    let cookies: unknown[] = [];
    const port = await start({
      cors: { origin: true, credentials: true },
      authenticate: ({ headers }) => {
        cookies.push(headers.cookie);
        return { userId: "ann" };
      },
    });
    const own = `http://127.0.0.1:${port}`;
    for (const [Origin, expected] of [
      [EVIL, undefined],
      [own, "session=1"],
    ] as const) {
      cookies = [];
      const headers = { Origin, Cookie: "session=1" };
      const session = await PollingSession.open(port, { path, headers });
      expect(header(session.response, "access-control-allow-origin")).toBe(Origin);
      expect(header(session.response, "access-control-allow-credentials")).toBe("true");
      await session.join();
      const socket = await WebSocketSession.open(port, { path, headers });
      await socket.join();
      expect(cookies).toEqual([expected, expected]);
    }
  });
});
