// The route handlers of nself-realtime/next beside their basic refusals (see nself-bugs.test.ts): limits of POST, and metrics.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type * as Next from "../ts/next/index.js";
import { type Attached, connected, join, startAttached } from "./support/nself.js";
import * as samples from "./support/samples.js";

const nextEntry: string = "nself-realtime/next";
const { createRouteHandlers } = (await import(/* @vite-ignore */ nextEntry)) as typeof Next;

let running: Attached;
beforeEach(async () => {
  running = await startAttached();
});
afterEach(async () => {
  vi.useRealTimers();
  await running.close();
});

const body = JSON.stringify({ eventType: "service:status", data: samples.serviceStatus });
const request = (headers: Record<string, string> = {}) =>
  new Request("http://localhost/api/realtime", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });

describe("rateLimit", () => {
  test("answers 429 with Retry-After beyond 60 a minute, until a token is there again", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { POST, GET } = createRouteHandlers();
    for (let i = 0; i < 60; i++) expect((await POST(request())).status).toBe(200);
    const refused = await POST(request());
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toEqual({
      success: false,
      code: "ERR_RATE_LIMITED",
      error: expect.stringContaining("1 s"),
    });
    expect((await GET(new Request("http://localhost/api/realtime"))).status).toBe(200);
    vi.advanceTimersByTime(1000);
    expect((await POST(request())).status).toBe(200);
    expect((await POST(request())).status).toBe(429);
    vi.advanceTimersByTime(3_600_000);
    for (let i = 0; i < 60; i++) expect((await POST(request())).status).toBe(200);
    expect((await POST(request())).status).toBe(429);
  });

  test("counts each user for itself, wherever it comes from", async () => {
    const { POST } = createRouteHandlers({
      authorize: ({ headers }) => ({ userId: headers.get("authorization") ?? "nobody" }),
      rateLimit: { perMinute: 1 },
      trustProxy: true,
    });
    const post = async (user: string, address: string) =>
      (await POST(request({ authorization: user, "x-forwarded-for": address }))).status;
    expect(await post("ann", "10.0.0.1")).toBe(200);
    expect(await post("ann", "10.0.0.2")).toBe(429);
    expect(await post("bob", "10.0.0.1")).toBe(200);
  });

  test("believes no X-Forwarded-For unless told so", async () => {
    const { POST } = createRouteHandlers({ rateLimit: { perMinute: 1 } });
    expect((await POST(request({ "x-forwarded-for": "10.0.0.1" }))).status).toBe(200);
    expect((await POST(request({ "x-forwarded-for": "10.0.0.2" }))).status).toBe(429);
  });

  test.each<[boolean | number, string, string]>([
    [true, "1.1.1.1, 10.0.0.1", "2.2.2.2, 10.0.0.1"],
    [2, "1.1.1.1, 10.0.0.1, 10.9.9.9", "2.2.2.2,10.0.0.1,10.9.9.9"],
  ])("takes the address that the trusted proxy wrote: %s", async (trustProxy, one, forged) => {
    const { POST } = createRouteHandlers({ rateLimit: { perMinute: 1 }, trustProxy });
    expect((await POST(request({ "x-forwarded-for": one }))).status).toBe(200);
    expect((await POST(request({ "x-forwarded-for": forged }))).status).toBe(429);
    expect((await POST(request({ "x-forwarded-for": one.replace("10.0.0.1", "10.0.0.2") }))).status).toBe(200);
  });

  test("false sets no limit; a number that is none is refused", async () => {
    const { POST } = createRouteHandlers({ rateLimit: false });
    for (let i = 0; i < 100; i++) expect((await POST(request())).status).toBe(200);
    for (const perMinute of [0, -1, Number.NaN, "60" as unknown as number]) {
      expect(() => createRouteHandlers({ rateLimit: { perMinute } })).toThrow(
        expect.objectContaining({ code: "ERR_INVALID_OPTION" }),
      );
    }
  });
});

describe("metrics", () => {
  test.each(["/api/realtime/metrics", "/api/realtime/metrics/", "/api/realtime?metrics", "/api/realtime?metrics=1"])(
    "%s is Prometheus' text",
    async (path) => {
      await connected(running.port);
      const { GET } = createRouteHandlers();
      const response = await GET(new Request(`http://localhost${path}`));
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      const text = await response.text();
      const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      expect(samples.length).toBeGreaterThan(3);
      for (const line of samples) expect(line).toMatch(/^[a-z_]+(?:\{[^}]*\})? (?:-?[\d.e+-]+|NaN|\+Inf)$/);
      expect(samples).toContainEqual(
        expect.stringMatching(/^\w*connections\{[^}]*websocket[^}]*\} 1$|^\w*connections\w* 1$/),
      );
    },
  );

  test("are no other path's, and for nobody whom authorize refuses", async () => {
    const { GET } = createRouteHandlers({ authorize: ({ headers }) => headers.has("authorization") });
    const get = (path: string, headers = {}) => GET(new Request(`http://localhost${path}`, { headers }));
    expect((await get("/api/realtime/metrics")).status).toBe(403);
    expect((await get("/api/realtime/metrics", { authorization: "t" })).status).toBe(200);
    const health = await get("/api/metrics/realtime", { authorization: "t" });
    expect(await health.json()).toMatchObject({ success: true, data: { connected: 0 } });
  });

  test("are 503 when no server runs", async () => {
    await running.close();
    const response = await createRouteHandlers().GET(new Request("http://localhost/api/realtime?metrics"));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ success: false, code: "ERR_NOT_RUNNING" });
  });
});

describe("authorize", () => {
  const get = () => new Request("http://localhost/api/realtime");
  const both = (authorize: (request: Request) => unknown) => {
    const { GET, POST } = createRouteHandlers({ authorize: authorize as () => true });
    return Promise.all([GET(get()), POST(request())]);
  };
  const statuses = async (answer: unknown) => (await both(async () => answer)).map(({ status }) => status);

  test.each([true, { userId: "ann" }, { userId: "ann", role: "admin" }])("lets in by %j", async (answer) => {
    expect(await statuses(answer)).toEqual([200, 200]);
  });

  const nothing: unknown[] = [
    ...["", "yes", 0, 1, Number.NaN, 7n, Symbol("yes"), () => true, false, [], [true], {}, new Map()],
    ...[{ userId: "" }, { userId: 7 }, { userId: null }, { error: "not logged in" }, { ok: false }, new Error("no")],
    Object.assign(new Error("expired"), { userId: "ann" }),
  ];
  test.each(nothing.map((answer) => [typeof answer, answer]))("refuses what is no yes: %s", async (_, answer) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await statuses(answer)).toEqual([403, 403]);
    expect(log).toHaveBeenCalledTimes(answer === false ? 0 : 2);
    log.mockRestore();
  });

  test.each([null, undefined])("says 401 for %s", async (answer) => {
    expect(await statuses(answer)).toEqual([401, 401]);
  });

  test.each([401, 307, 200])(
    "sends a Response as it is: the application's own guard has refused (%d)",
    async (status) => {
      const socket = await connected(running.port);
      const got: unknown[] = [];
      socket.onAny((...args) => got.push(args));
      for (const response of await both(() => new Response("no", { status, headers: { "x-guard": "own" } }))) {
        expect([response.status, response.headers.get("x-guard"), await response.text()]).toEqual([
          status,
          "own",
          "no",
        ]);
      }
      running.server.broadcast("end", null);
      await new Promise((resolve) => socket.once("end", resolve));
      expect(got).toHaveLength(1);
    },
  );
});

describe("POST by a page", () => {
  const post = async (headers: Record<string, string>, options = {}) => {
    const { POST } = createRouteHandlers({ authorize: () => true, ...options });
    return (await POST(request({ host: "app.example", ...headers }))).status;
  };

  test.each([
    { origin: "https://app.example" },
    { origin: "http://app.example" },
    { origin: "https://app.example", host: "app.example:443" },
    { origin: "https://app.example:8443", host: "app.example:8443" },
    { origin: "https://app.example", host: "internal:3000", "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
    {},
  ])("of its own origin, or by a program, is let in: %j", async (headers: Record<string, string>) => {
    expect(await post(headers)).toBe(200);
  });

  test.each([
    { origin: "https://evil.example" },
    { origin: "https://app.example:8443" },
    { origin: "https://app.example.evil.example" },
    { origin: "null" },
    { origin: "" },
    { origin: "file://" },
    { origin: "https://app.example", host: "app.example@evil.example" },
    { origin: "https://app.example", "sec-fetch-site": "cross-site" },
    { origin: "https://app.example", "sec-fetch-site": "same-site" },
    { origin: "https://app.example", "sec-fetch-site": "" },
    { origin: "https://app.example", host: "internal:3000", "x-forwarded-host": "app.example" },
  ])("of another origin is refused before anybody is asked: %j", async (headers: Record<string, string>) => {
    const authorize = vi.fn(() => true);
    expect(await post(headers, { authorize })).toBe(403);
    expect(authorize).not.toHaveBeenCalled();
  });

  test("behind an own proxy the host that it was asked for counts", async () => {
    const headers = { origin: "https://app.example", host: "internal:3000", "x-forwarded-host": "app.example" };
    expect(await post(headers, { trustProxy: true })).toBe(200);
    const forged = { ...headers, "x-forwarded-host": "app.example, real.example" };
    expect(await post(forged, { trustProxy: true })).toBe(403);
  });

  test.each(["text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "", "text/json"])(
    "only JSON is read, which no page may send to another origin unasked: %j",
    async (type) => {
      expect(await post({ "content-type": type })).toBe(415);
    },
  );

  test.each(["application/json", "application/json; charset=utf-8", "Application/JSON"])("%s is", async (type) => {
    expect(await post({ "content-type": type })).toBe(200);
  });
});

test("POST to several rooms gives each client one event", async () => {
  const socket = await connected(running.port);
  await join(socket, "a");
  await join(socket, "b");
  const got: unknown[] = [];
  socket.on("service:status", (envelope) => got.push(envelope));
  const { POST } = createRouteHandlers();
  const send = (room: unknown) =>
    POST(
      new Request("http://localhost/api/realtime", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ eventType: "service:status", data: samples.serviceStatus, room }),
      }),
    );
  expect((await send(["a", "b"])).status).toBe(200);
  for (const room of [[], null, "", {}, [7], ["a", null]]) expect((await send(room)).status).toBe(400);
  running.server.broadcast("end", null);
  await new Promise((resolve) => socket.once("end", resolve));
  expect(got).toEqual([{ type: "service:status", data: samples.serviceStatus, timestamp: expect.any(String) }]);
});
