// @vitest-environment jsdom
// The browser client against a real server: events, connection, rooms.

import { describe, expect, it, vi } from "vitest";
import {
  type ConnectionStatus,
  getWebSocketClient,
  type ServiceStatusEvent,
  WebSocketClient,
} from "../ts/client/index.js";
import {
  cleanups,
  client,
  connected,
  event,
  lost,
  open,
  server,
  settled,
  status,
} from "./support/web-socket-client.js";

const service = (name: string): ServiceStatusEvent => ({
  service: name,
  status: "running",
  timestamp: "2026-01-01T00:00:00Z",
});

describe("events", () => {
  it("hands over the data of the envelope, and other payloads as they are", async () => {
    const from = await server();
    const at = await open(from.url);
    const enveloped = event(at, "service:status");
    from.emit("service:status", service("api"));
    expect(await enveloped).toEqual(service("api"));
    const bare = event(at, "custom");
    from.emitBare("custom", { data: 1, other: 2 });
    expect(await bare).toEqual({ data: 1, other: 2 });
  });

  it("stops at unsubscribe and at off, for that listener alone", async () => {
    const from = await server();
    const at = await open(from.url);
    const [first, second, third] = [vi.fn(), vi.fn(), vi.fn()];
    const off = at.on("service:status", first);
    at.on("service:status", second);
    at.on("service:status", third);
    off();
    at.off("service:status", third);
    from.emit("service:status", service("api"));
    await settled(from, at);
    expect([first, second, third].map((listener) => listener.mock.calls.length)).toEqual([0, 1, 0]);
  });

  it("reports a listener that throws, and still calls the others", async () => {
    const from = await server();
    const at = await open(from.url);
    const errors: unknown[] = [];
    const original = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => errors.push(error));
    cleanups.push(() => {
      process.removeAllListeners("uncaughtException");
      for (const listener of original) process.on("uncaughtException", listener);
    });
    at.on("service:status", () => {
      throw new Error("a listener's mistake");
    });
    const data = event(at, "service:status");
    from.emit("service:status", service("api"));
    expect(await data).toEqual(service("api"));
    await vi.waitFor(() => expect(errors).toEqual([new Error("a listener's mistake")]));
  });
});

describe("connection", () => {
  it("bug 5: one Socket.IO socket however often connect is called", async () => {
    const from = await server();
    const at = client(from.url);
    at.connect();
    at.connect();
    await connected(at);
    at.connect();
    const release = at.retain();
    release();
    const heard = vi.fn();
    at.on("service:status", heard);
    from.emit("service:status", service("api"));
    await settled(from, at);
    expect(heard).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(from.connections()).toBe(1));
    expect(at.isConnected()).toBe(true);
  });

  it("nothing connects until connect, whatever else is asked of it", async () => {
    const from = await server();
    const at = client(from.url);
    at.on("service:status", () => {});
    at.onStatusChange(() => {});
    at.emit("echo", 1);
    at.joinRoom("logs:api");
    await settled(from, await open(from.url));
    expect(from.connections()).toBe(1);
    expect(from.requests()).toBe(0);
  });

  it("tells the status at once and at each change, as frozen objects", async () => {
    const from = await server();
    const at = client(from.url);
    const seen: ConnectionStatus[] = [];
    at.onStatusChange((next) => seen.push(next));
    expect(seen).toEqual([{ connected: false, reconnecting: false, reconnectAttempts: 0 }]);
    at.connect();
    await connected(at);
    from.kick();
    await status(at, (next) => next.reconnecting);
    await connected(at);
    at.disconnect();
    expect(
      seen.map(({ connected, reconnecting, reconnectAttempts }) => [connected, reconnecting, reconnectAttempts]),
    ).toEqual([
      [false, false, 0],
      [true, false, 0],
      [false, true, 1],
      // The next attempt began.
      [false, true, 1],
      [true, false, 0],
      [false, false, 0],
    ]);
    expect(Date.parse(at.getStatus().lastConnected ?? "")).toBeGreaterThan(0);
    expect(at.getStatus()).toBe(seen.at(-1));
    expect(seen.every(Object.isFrozen)).toBe(true);
  });

  it("reconnects by itself after the server closed the socket, but not after disconnect", async () => {
    const from = await server();
    const at = await open(from.url);
    from.kick();
    await lost(at);
    await connected(at);
    await vi.waitFor(() => expect(from.connections()).toBe(2));
    at.disconnect();
    await vi.waitFor(() => expect(from.sockets()).toBe(0));
    expect(at.getStatus()).toMatchObject({ connected: false, reconnecting: false });
    const other = await open(from.url);
    await settled(from, other);
    await vi.waitFor(() => expect(from.connections()).toBe(3));
  });

  it("waits 1, 2, 4, 8, 16 and 16 s between attempts", async () => {
    const from = await server();
    await from.stop();
    const waits: number[] = [];
    const original = globalThis.setTimeout;
    const spy = vi.spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms?: number) => {
      if (ms === undefined || ms < 1000 || ms % 1000 !== 0 || ms === 7000) return original(run, ms);
      waits.push(ms);
      return original(run, 0);
    }) as typeof setTimeout);
    cleanups.push(() => spy.mockRestore());
    const at = new WebSocketClient({ url: from.url, timeout: 7000, jitter: 0 });
    cleanups.push(() => at.disconnect());
    at.connect();
    await status(at, (next) => next.reconnectAttempts === 6);
    at.disconnect();
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 16_000]);
    await from.start();
  });

  it("connect tries at once while it waits for the next attempt", async () => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [3_600_000] });
    from.kick();
    await status(at, (next) => next.reconnecting);
    at.connect();
    await connected(at);
    expect(at.getStatus().reconnectAttempts).toBe(0);
  });

  it("retain holds the connection, and does not undo disconnect", async () => {
    const from = await server();
    const at = client(from.url, { linger: 20 });
    const [first, second] = [at.retain(), at.retain()];
    await connected(at);
    first();
    first();
    expect(at.isConnected()).toBe(true);
    second();
    expect(at.isConnected()).toBe(true);
    await lost(at);
    at.disconnect();
    const third = at.retain();
    await settled(from, await open(from.url));
    await vi.waitFor(() => expect(from.connections()).toBe(2));
    at.connect();
    await connected(at);
    third();
    expect(at.isConnected()).toBe(true);
    await vi.waitFor(() => expect(from.connections()).toBe(3));
  });

  it("bug 14: constructs and connects where there is no window, without doing anything", async () => {
    const from = await server();
    vi.stubGlobal("window", undefined);
    cleanups.push(() => vi.unstubAllGlobals());
    const at = client(from.url);
    at.connect();
    at.retain()();
    expect(at.getStatus()).toEqual({ connected: false, reconnecting: false, reconnectAttempts: 0 });
    expect(getWebSocketClient()).toBe(getWebSocketClient());
    vi.unstubAllGlobals();
    await settled(from, await open(from.url));
    await vi.waitFor(() => expect(from.connections()).toBe(1));
    at.connect();
    await connected(at);
    await vi.waitFor(() => expect(from.connections()).toBe(2));
  });
});

describe("rooms", () => {
  it("bug 4: a join before connect is not dropped", async () => {
    const from = await server();
    const at = client(from.url);
    const answer = at.joinRoom("logs:api");
    at.connect();
    expect(await answer).toEqual({ ok: true });
    expect(from.members("logs:api")).toHaveLength(1);
    const line = event(at, "logs:stream");
    const data = { service: "api", line: "a", timestamp: "t" };
    from.emit("logs:stream", data, "logs:api");
    expect(await line).toEqual(data);
  });

  it("bug 4: rooms are joined again after the server restarted on the same port", async () => {
    const from = await server();
    const at = await open(from.url);
    await Promise.all([at.joinRoom("logs:api"), at.joinRoom("logs:db"), at.joinRoom("logs:left")]);
    await at.leaveRoom("logs:left");
    await from.stop();
    await status(at, (next) => next.reconnecting);
    const answers: string[] = [];
    const late = at.joinRoom("logs:late");
    const again = at.joinRoom("logs:api");
    for (const answer of [late, again]) answer.then(() => answers.push("early"));
    await new Promise(setImmediate);
    expect(answers).toEqual([]);
    await from.start();
    expect(await Promise.all([late, again])).toEqual([{ ok: true }, { ok: true }]);
    await vi.waitFor(() => expect(from.members("logs:db")).toHaveLength(1));
    expect(from.members("logs:api")).toHaveLength(1);
    expect(from.members("logs:left")).toEqual([]);
  });

  it("counts joins per caller: the last leave leaves", async () => {
    const from = await server();
    const at = await open(from.url);
    await at.joinRoom("logs:api");
    expect(await at.joinRoom("logs:api")).toEqual({ ok: true });
    await at.leaveRoom("logs:api");
    expect(from.members("logs:api")).toHaveLength(1);
    await at.leaveRoom("logs:api");
    expect(from.members("logs:api")).toEqual([]);
    expect(await at.leaveRoom("logs:api")).toEqual({ ok: true });
    expect(await at.joinRoom("logs:api")).toEqual({ ok: true });
    expect(from.members("logs:api")).toHaveLength(1);
  });

  it("sends one join for join, leave, join in one turn", async () => {
    const from = await server();
    const [watcher, at] = [await open(from.url), await open(from.url)];
    await watcher.joinRoom("logs:api");
    await settled(from, watcher);
    const seen: string[] = [];
    watcher.on("room:joined", () => seen.push("joined"));
    watcher.on("room:left", () => seen.push("left"));
    const first = at.joinRoom("logs:api");
    const left = at.leaveRoom("logs:api");
    const again = at.joinRoom("logs:api");
    expect(await Promise.all([first, left, again])).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    await settled(from, watcher);
    expect(seen).toEqual(["joined"]);
  });

  it("answers with the server's refusal, and asks again for the next caller", async () => {
    const from = await server();
    const at = await open(from.url);
    const answers = [await at.joinRoom("not a room"), await at.joinRoom("not a room")];
    expect(answers.map((answer) => answer.ok || answer.code)).toEqual(["ERR_INVALID_ROOM", "ERR_INVALID_ROOM"]);
  });

  it("reports a refusal after a reconnect as an error event", async () => {
    const from = await server();
    const at = await open(from.url);
    await at.joinRoom("not a room");
    const error = event(at, "error");
    from.kick();
    expect(await error).toMatchObject({ code: "ERR_INVALID_ROOM", error: expect.stringContaining("not a room") });
  });

  it("answers ERR_ROOM_LEFT to a join that was taken back before the server could decide", async () => {
    const from = await server();
    const at = client(from.url);
    const answer = at.joinRoom("logs:api");
    await at.leaveRoom("logs:api");
    expect(await answer).toMatchObject({ ok: false, code: "ERR_ROOM_LEFT" });
  });
});
