// The route handlers of nself-realtime/next beside their basic refusals (see nself-bugs.test.ts): limits of POST, and metrics.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type * as Next from "../ts/next/index.js";
import { type Attached, connected, startAttached } from "./support/nself.js";
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
  new Request("http://localhost/api/realtime", { method: "POST", body, headers });

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
      authorize: ({ headers }) => ({ userId: headers.get("authorization") }),
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

  test.each(["", 0, Number.NaN, "yes", 1])("authorize says neither yes nor no by %j: refused", async (answer) => {
    const { GET } = createRouteHandlers({ authorize: () => answer as never });
    expect((await GET(new Request("http://localhost/api/realtime"))).status).toBe(403);
  });

  test("are 503 when no server runs", async () => {
    await running.close();
    const response = await createRouteHandlers().GET(new Request("http://localhost/api/realtime?metrics"));
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ success: false, code: "ERR_NOT_RUNNING" });
  });
});
