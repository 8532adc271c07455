// @vitest-environment jsdom
// How the client comes back: when, over which transport, and not all clients at one moment.

import { describe, expect, it, vi } from "vitest";
import { Backoff } from "../ts/client/backoff.js";
import type { ConnectionStatus } from "../ts/client/index.js";
import { complete } from "../ts/client/options.js";
import { elapse } from "./support/deadline.js";
import { startProxy } from "./support/proxy.js";
import { cleanups, client, connected, lost, open, server, settled, status } from "./support/web-socket-client.js";

const HOUR = 3_600_000;
const WEBSOCKET = { websocket: 1, polling: 0 };
const POLLING = { websocket: 0, polling: 1 };

describe("waits", () => {
  it("jitter makes each wait longer or shorter, by half of it unless told otherwise", () => {
    const backoff = new Backoff(complete({}));
    const [first, last] = [0, 9].map((attempts) => Array.from({ length: 1000 }, () => backoff.delay(attempts)));
    for (const [waits, base] of [
      [first, 1000],
      [last, 16_000],
    ] as const) {
      expect(Math.min(...waits!)).toBeGreaterThanOrEqual(base * 0.5);
      expect(Math.max(...waits!)).toBeLessThanOrEqual(base * 1.5);
      expect(Math.max(...waits!) - Math.min(...waits!)).toBeGreaterThan(base * 0.8);
    }
  });

  it("begins with the first wait again after each connection", async () => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [10, 20, HOUR], spread: HOUR });
    for (let round = 0; round < 3; round++) {
      await from.stop();
      await status(at, (next) => next.reconnectAttempts === 2);
      await from.start();
      await connected(at);
      expect(at.getStatus().reconnectAttempts).toBe(0);
    }
  });

  it("a deploy: clients of a server that ended in good order come back spread over the time, not at one moment", async () => {
    const spread = 400;
    const from = await server();
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => open(from.url, { reconnectDelays: [HOUR], spread })),
    );
    // A connection that ends at once was not well.
    await elapse(spread);
    const restarted = from.stop().then(from.start);
    const left = performance.now();
    const came = await Promise.all(
      clients.map(async (at) => {
        await lost(at);
        await connected(at);
        return performance.now() - left;
      }),
    );
    await restarted;
    expect(Math.max(...came) - Math.min(...came)).toBeGreaterThan(spread / 4);
  });

  it("a network that breaks, and a server that ends each connection at once, get the ordinary waits", async () => {
    const from = await server();
    const proxy = await startProxy(Number(new URL(from.url).port));
    cleanups.push(() => proxy.close());
    const spread = 50;
    const broken = await open(`http://127.0.0.1:${proxy.port}`, { reconnectDelays: [HOUR], spread, jitter: 0 });
    const kicked = await open(from.url, { reconnectDelays: [HOUR], spread: HOUR, jitter: 0 });
    await elapse(spread);
    const waits: number[] = [];
    const original = globalThis.setTimeout;
    const spy = vi.spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms?: number) => {
      waits.push(ms ?? 0);
      return original(run, ms);
    }) as typeof setTimeout);
    cleanups.push(() => spy.mockRestore());
    proxy.cut("reset");
    await lost(broken);
    from.kick();
    await lost(kicked);
    expect(waits.filter((ms) => ms === HOUR)).toHaveLength(2);
  });

  it("a crash: sixty clients that are cut off at one moment come back spread over a second, and over more the longer it takes", async () => {
    const from = await server();
    const proxy = await startProxy(Number(new URL(from.url).port));
    cleanups.push(() => proxy.close());
    const url = `http://127.0.0.1:${proxy.port}`;
    // As they are by default, but for an hour instead of a second.
    const clients = await Promise.all(Array.from({ length: 60 }, () => open(url, { reconnectDelays: [HOUR] })));
    /** How many of the sixty waits, of an hour and half of it more or less, fall into each tenth of that range. */
    const tenths = async (attempt: number) => {
      const counts = Array.from({ length: 10 }, () => 0);
      for (const at of clients) {
        const before = Date.now();
        const { nextAttemptAt } = await status(
          at,
          (next) => next.reconnectAttempts === attempt && next.nextAttemptAt !== undefined,
        );
        const share = (Date.parse(nextAttemptAt ?? "") - before) / HOUR - 0.5;
        counts[Math.min(9, Math.max(0, Math.floor(share * 10)))]!++;
      }
      return counts;
    };
    proxy.cut("reset");
    const first = await tenths(1);
    for (const at of clients) at.retry();
    const second = await tenths(2);
    // Six are expected in each; 25 by chance once in 10^9.
    for (const counts of [first, second]) expect(Math.max(...counts)).toBeLessThan(25);
  });
});

describe("waking", () => {
  const wakes: Array<[string, () => void]> = [
    ["the browser is online again", () => window.dispatchEvent(new Event("online"))],
    ["the tab is looked at", () => document.dispatchEvent(new Event("visibilitychange"))],
  ];

  it.each(wakes)("tries at once when %s", async (_, wake) => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [HOUR] });
    from.kick();
    await status(at, (next) => next.reconnecting);
    wake();
    await connected(at);
  });

  it("does nothing when the tab is hidden, while it is connected, or after disconnect", async () => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [HOUR] });
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    cleanups.push(() => hidden.mockRestore());
    for (const [, wake] of wakes) wake();
    from.kick();
    await status(at, (next) => next.reconnecting);
    wakes[1]![1]();
    // The next one to connect is the second, and then the third.
    await settled(from, await open(from.url));
    expect(from.connections()).toBe(2);
    at.disconnect();
    hidden.mockReturnValue("visible");
    for (const [, wake] of wakes) wake();
    await settled(from, await open(from.url));
    expect(from.connections()).toBe(3);
  });
});

describe("transports", () => {
  it("polls when WebSocket is not served, in the same attempt", async () => {
    const from = await server({ transports: ["polling"] });
    const at = client(from.url);
    const seen: ConnectionStatus[] = [];
    at.onStatusChange((next) => seen.push(next));
    at.connect();
    await connected(at);
    expect(seen.map(({ reconnecting }) => reconnecting)).toEqual([false, false]);
    expect((await at.joinRoom("logs:api")).ok).toBe(true);
    expect(from.transports()).toEqual(POLLING);
  });

  it.each(["refused", "swallowed"] as const)(
    "polls while WebSocket is %s, and is back on it after that",
    async (how) => {
      const from = await server();
      from.webSockets(how);
      const at = await open(from.url, { timeout: 1500 });
      expect(await at.joinRoom("logs:api")).toEqual({ ok: true });
      expect(from.transports()).toEqual(POLLING);

      // Still not: it polls again without losing time on a handshake that is never answered.
      from.kick();
      await lost(at);
      const before = from.arrivals().length;
      await connected(at);
      expect(from.arrivals()[before]).toBe("request");
      expect(from.transports()).toEqual(POLLING);

      // It works again: the next connection changes over, the one after that begins with it.
      from.webSockets("served");
      from.kick();
      await lost(at);
      await connected(at);
      await vi.waitFor(() => expect(from.transports()).toEqual(WEBSOCKET));
      await vi.waitFor(() => expect(from.members("logs:api")).toHaveLength(1));
      const requests = from.requests();
      from.kick();
      await lost(at);
      await connected(at);
      expect(from.transports()).toEqual(WEBSOCKET);
      expect(from.requests()).toBe(requests);
    },
  );

  it("a handshake that failed once costs nothing: polling changes over to WebSocket by itself", async () => {
    const from = await server();
    from.webSockets("refused");
    const at = client(from.url);
    at.connect();
    await vi.waitFor(() => expect(from.requests()).toBeGreaterThan(0), { interval: 1 });
    from.webSockets("served");
    await connected(at);
    await vi.waitFor(() => expect(from.transports()).toEqual(WEBSOCKET));
  });
});
