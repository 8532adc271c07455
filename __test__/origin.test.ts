// Pages of other origins: what a browser sends along for its user, its cookies, must not get them in, on any request of any transport.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { LogEntry } from "../ts/server/options/logger.js";
import { type Attached, client, connected, event, MODES, realtime, startAttached } from "./support/nself.js";
import { header, PollingSession, request, text, upgrade, WebSocketSession, webSocketTarget } from "./support/raw.js";

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const path = "/api/ws/";
const polling = `${path}?EIO=4&transport=polling`;
const key = "0123456789abcdef".repeat(4);
const cookie = `nself-session=${key}`;
const validate = vi.fn((asked: string) => (asked === key ? { userId: "ann" } : null));
const authenticate = realtime.sessionCookie("nself-session", validate);
const evil = "http://evil.example";

const FOREIGN = [
  evil,
  "null",
  "file://",
  "https://127.0.0.1.evil.example",
  "http://evil.example#127.0.0.1",
  "http://xn--dmin-moa.example",
];

describe("a foreign page with its visitor's good cookie", () => {
  async function sessionOfAnn() {
    running = await startAttached({ authenticate });
    const session = await PollingSession.open(running.port, { path, headers: { cookie } });
    expect(await session.join()).toMatch(/^40/);
    validate.mockClear();
    return { session, port: running.port };
  }

  test.each(FOREIGN)("Origin %j opens nothing, and takes part in nothing", async (Origin) => {
    const { session, port } = await sessionOfAnn();
    const headers = { Origin, cookie };
    const refused = '{"code":4,"message":"Origin not allowed"}';
    for (const [method, target, body] of [
      ["GET", polling, undefined],
      ["GET", session.target, undefined],
      ["POST", session.target, '42["join:room",{"roomId":"lobby"}]'],
      ["POST", session.target, "1"],
    ] as const) {
      const response = await request(port, method, target, { headers, ...(body && { body }) });
      expect([method, target, response.status, text(response)]).toEqual([method, target, 403, refused]);
      expect(header(response, "access-control-allow-origin")).toBeUndefined();
      expect(header(response, "set-cookie")).toBeUndefined();
    }
    for (const sid of [undefined, session.sid]) {
      const done = await upgrade(port, webSocketTarget({ path, ...(sid && { sid }) }), { headers });
      expect([done.response.status, text(done.response)]).toEqual([400, "Origin not allowed"]);
      done.connection.destroy();
    }
    expect(validate).not.toHaveBeenCalled();
    // Ann's own session is as it was.
    await session.post('42["heartbeat"]');
    expect((await session.packets(1))[0]).toMatch(/^42\["pong"/);
    expect(running!.server.getRoomMembers("lobby")).toEqual([]);
    expect(running!.server.stats().connections).toEqual({ polling: 1, websocket: 0 });
  });

  test("cannot go on with the upgrade of another page", async () => {
    const { session, port } = await sessionOfAnn();
    const probe = await WebSocketSession.attach(port, { path, sid: session.sid, headers: { cookie } });
    probe.send("2probe");
    expect(await probe.text()).toBe("3probe");
    const headers = { Origin: evil, cookie };
    expect((await upgrade(port, webSocketTarget({ path, sid: session.sid }), { headers })).response.status).toBe(400);
    expect((await session.post("1", headers)).status).toBe(403);
    probe.send("5");
    probe.send('42["heartbeat"]');
    expect(await probe.text()).toMatch(/^42\["pong"/);
  });
});

describe("the same host", () => {
  async function verdict(Host: string, Origin: string) {
    const headers = { Host, Origin };
    const get = await request(running!.port, "GET", polling, { headers });
    const ws = await upgrade(running!.port, webSocketTarget({ path }), { headers });
    ws.connection.destroy();
    return [get.status, ws.response.status];
  }

  test.each([
    ["admin.local:3021", "http://admin.local:3021"],
    ["ADMIN.local", "http://admin.LOCAL"],
    ["admin.local:443", "https://admin.local"],
    ["admin.local", "http://admin.local:80"],
    ["[::1]:3021", "http://[::1]:3021"],
    ["[2001:db8::443]", "https://[2001:db8::443]"],
    ["xn--dmin-moa.example", "https://xn--dmin-moa.example"],
    // Clients outside of browsers: Starscream on its default engine.
    ["admin.local:3021", "ws://admin.local:3021"],
    ["admin.local", "wss://admin.local"],
    ["admin.local:443", "wss://admin.local"],
    ["admin.local", "wss://admin.local:443"],
    ["admin.local:80", "ws://admin.local"],
  ])("%s and %s", async (Host, Origin) => {
    running = await startAttached();
    expect(await verdict(Host, Origin)).toEqual([200, 101]);
  });

  test.each([
    ["admin.local", "http://admin.local:8080"],
    ["admin.local", "ws://evil.example"],
    ["admin.local:443", "ws://admin.local"],
    ["admin.local:80", "wss://admin.local"],
    ["admin.local:80", "https://admin.local"],
    ["admin.local:443", "http://admin.local"],
    ["admin.local", "http://admin.local.evil.example"],
    ["admin.local", "http://evil.example/admin.local"],
    ["admin.local", "http://admin.local@evil.example"],
    ["admin.local", "http://evil.example://admin.local"],
    ["admin.local", "admin.local"],
    ["admin.local", "//admin.local"],
    ["[::1]:3021", "http://[::1]"],
    ["[::1]", "http://::1"],
    // A program on the visitor's machine that calls its own page so: not the server's page.
    ["localhost", "capacitor://localhost"],
    ["localhost", "chrome-extension://localhost"],
    ["localhost", "httpx://localhost"],
  ])("is not %s and %s", async (Host, Origin) => {
    running = await startAttached();
    expect(await verdict(Host, Origin)).toEqual([403, 400]);
  });
});

describe("any origin, by cors", () => {
  // Fetch keeps the cookies out; a browser sends them along with a foreign WebSocket whatever the server says.
  test.each(
    ["*", true].flatMap((origin) => Object.entries(MODES).map(([name, transports]) => [origin, name, transports])),
  )("%s: their cookies do not count, over %s", async (origin, _, transports) => {
    running = await startAttached({ authenticate, cors: { origin: origin as string | true } });
    const options = { transports: transports as string[], extraHeaders: { Origin: evil, cookie } };
    const error = await event(client(running.port, options), "connect_error");
    expect(error.data).toEqual({ code: "ERR_UNAUTHORIZED" });
    // What the page has to know itself does, and the page of the same host may use its cookies.
    await connected(running.port, { ...options, extraHeaders: { Origin: evil, authorization: `Bearer ${key}` } });
    const Origin = `http://127.0.0.1:${running.port}`;
    await connected(running.port, { ...options, extraHeaders: { Origin, cookie } });
    await connected(running.port, { ...options, extraHeaders: { cookie } });
  });

  test("an origin that cors names may use them", async () => {
    const Origin = "http://friend.example";
    running = await startAttached({ authenticate, cors: { origin: [Origin], credentials: true } });
    await connected(running.port, { extraHeaders: { Origin, cookie } });
    const response = await request(running.port, "GET", polling, { headers: { Origin } });
    expect(header(response, "access-control-allow-origin")).toBe(Origin);
    expect(header(response, "access-control-allow-credentials")).toBe("true");
    const other = await request(running.port, "GET", polling, { headers: { Origin: evil } });
    expect([other.status, header(other, "access-control-allow-origin")]).toEqual([403, undefined]);
  });
});

describe("the log tells a refusal's reason", () => {
  /** What is logged when a page of `origin` asks with these headers. */
  async function refusal(headers: Record<string, string>, options: object = {}) {
    const entries: LogEntry[] = [];
    running = await startAttached({ logger: (entry) => void entries.push(entry), ...options });
    const { port } = running;
    const refused = async () => {
      expect((await request(port, "GET", polling, { headers })).status).toBe(403);
      return entries.find(({ fields }) => fields.origin !== undefined) ?? Promise.reject(new Error("no line"));
    };
    // Lines of a kind that came too often a moment ago, in an earlier test, are only counted.
    return vi.waitFor(refused, { timeout: 10_000, interval: 100 });
  }

  test("which Origin was compared with which Host", async () => {
    const entry = await refusal({ Host: "internal:3021", Origin: "https://app.example" });
    expect(entry).toMatchObject({ level: "warn", fields: { origin: "https://app.example", host: "internal:3021" } });
    expect(entry.message).toContain("cors.origin");
    expect(entry.message).not.toContain("proxy");
  });

  test.each(["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Forwarded"])(
    "a proxy that writes %s while trustProxy is off",
    async (name) => {
      const headers = { Host: "internal:3021", Origin: "https://app.example", [name]: "app.example" };
      const entry = await refusal(headers);
      expect(entry.message).toMatch(/proxy.*trustProxy/);
      expect(entry.fields.header).toBe(`${name.toLowerCase()}: app.example`);
      await running?.close();
      const trusted = await refusal({ ...headers, [name]: "other.example" }, { trustProxy: true });
      expect(trusted.message).not.toContain("trustProxy");
    },
  );

  test("headers are cut, and write no lines of their own", async () => {
    const { fields } = await refusal({ Host: "a", Origin: `http://${"x".repeat(5000)}` });
    expect(fields.origin?.length).toBeLessThanOrEqual(200);
  });
});

describe("an origin that can match nothing", () => {
  test.each(["http://localhost:3000/", "https://*.example.com", "app.example"])(
    "%s is refused at the start",
    (origin) => {
      const refused = expect.objectContaining({ code: "ERR_INVALID_OPTION", message: expect.stringContaining(origin) });
      expect(() => new realtime.Server({ cors: { origin } })).toThrow(refused);
      expect(() => realtime.register({ cors: { origin: [origin] } })).toThrow(refused);
    },
  );

  test("an environment variable that is not set opens nothing", () => {
    const origin = process.env.NO_SUCH_VARIABLE as string;
    expect(() => realtime.register({ cors: { origin } })).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTION", message: expect.stringContaining("cors.origin") }),
    );
  });
});
