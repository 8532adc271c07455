// @vitest-environment jsdom
// The machine slept and woke: the client finds out whether it is still connected, soon, and without ending a connection that is well.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Vigil } from "../ts/client/vigil.js";
import { startProxy } from "./support/proxy.js";
import { cleanups, client, connected, lost, open, server, settled, status } from "./support/web-socket-client.js";

const HOUR = 3_600_000;

/** The time that the machine slept, in ms: the clock goes on, timers do not. */
let slept = 0;

beforeEach(() => {
  slept = 0;
  const now = Date.now;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + slept);
  cleanups.push(() => clock.mockRestore());
});

async function proxied() {
  const from = await server();
  const proxy = await startProxy(Number(new URL(from.url).port));
  cleanups.push(() => proxy.close());
  return { from, proxy, url: `http://127.0.0.1:${proxy.port}` };
}

describe("after a sleep", () => {
  // The server's pings come every 30 s and are late after 10 more: beyond that the client's own timers know it.
  it.each([
    [20_000, ["websocket", "polling"]],
    [600_000, ["websocket", "polling"]],
    [20_000, ["polling"]],
  ] as const)(
    "of %i ms in which the network lost the connection, it is made anew at once (%j)",
    async (ms, transports) => {
      const { from, proxy, url } = await proxied();
      const at = await open(url, { reconnectDelays: [HOUR], spread: HOUR, transports });
      await at.joinRoom("project-1");
      const alive = Date.now();
      proxy.swallow();
      slept = ms;
      const away = await lost(at);
      proxy.restore();
      expect(away).toMatchObject({ connected: false, reconnecting: true });
      expect(Date.parse(away.lastConnected ?? "")).toBeLessThanOrEqual(alive + 1000);
      await connected(at);
      await settled(from, at);
      await vi.waitFor(() => expect(from.connections()).toBe(2));
      expect((await at.joinRoom("project-1")).ok).toBe(true);
    },
  );

  it("in which the connection lived on, it lives on", async () => {
    const { from, url } = await proxied();
    const at = await open(url, { reconnectDelays: [HOUR] });
    const changes = vi.fn();
    at.onStatusChange(changes);
    const pongs = vi.fn();
    at.on("pong", pongs);
    slept = 20_000;
    await vi.waitFor(() => expect(pongs).toHaveBeenCalledTimes(1), { timeout: 5000 });
    await settled(from, at);
    expect(changes).toHaveBeenCalledTimes(1);
    expect(from.connections()).toBe(1);
  });

  it("it does not wait for the next attempt", async () => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [HOUR] });
    from.kick();
    await status(at, (next) => next.reconnecting);
    slept = 20_000;
    await connected(at);
  });

  it("it gives up an attempt that was under way", async () => {
    const from = await server();
    from.webSockets("swallowed");
    const at = client(from.url, { transports: ["websocket"], timeout: HOUR, reconnectDelays: [HOUR] });
    at.connect();
    // Its handshake has arrived before this one's request.
    await settled(from, await open(from.url, { transports: ["polling"] }));
    from.webSockets("served");
    slept = 20_000;
    await connected(at);
  });
});

describe("the vigil", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function watch(asks = true) {
    const told = { slept: vi.fn(() => asks), silent: vi.fn() };
    const vigil = new Vigil(told);
    vigil.start();
    return { ...told, vigil };
  }
  /** The machine sleeps: the clock goes on, timers do not. */
  const sleep = (ms: number) => vi.setSystemTime(Date.now() + ms);

  it("knows within 2 s of waking that there is no answer, wherever between two looks the sleep began", () => {
    for (let awake = 0; awake < 1000; awake += 50) {
      const { slept, silent, vigil } = watch();
      vi.advanceTimersByTime(5000 + awake);
      expect(slept).not.toHaveBeenCalled();
      sleep(60_000);
      vi.advanceTimersByTime(2000);
      expect(slept).toHaveBeenCalledTimes(1);
      expect(silent).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(60_000);
      expect(silent).toHaveBeenCalledTimes(1);
      vigil.stop();
    }
  });

  it("gives an answer almost a second, and takes the next words of the server for one", () => {
    for (const answer of [true, false]) {
      const { silent, vigil } = watch();
      sleep(60_000);
      vigil.look();
      // Words that came before the sleep and are read after it are no answer.
      vigil.heard(false);
      vi.advanceTimersByTime(890);
      expect(silent).not.toHaveBeenCalled();
      vigil.heard(answer);
      vi.advanceTimersByTime(10_000);
      expect(silent).not.toHaveBeenCalled();
      vigil.stop();
    }
    const { silent, vigil } = watch();
    sleep(60_000);
    vigil.look();
    vigil.heard(false);
    vi.advanceTimersByTime(2000);
    expect(silent).toHaveBeenCalledTimes(1);
    vigil.stop();
  });

  it("asks nothing of a hidden page, and looks when it is seen again", () => {
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    const { slept, vigil } = watch();
    sleep(60_000);
    vi.advanceTimersByTime(5000);
    expect(slept).not.toHaveBeenCalled();
    hidden.mockRestore();
    vigil.look();
    expect(slept).toHaveBeenCalledTimes(1);
    vigil.stop();
  });

  it("ignores a clock that is put back, a short block, and a stop", () => {
    const { slept, silent, vigil } = watch();
    sleep(-60_000);
    vi.advanceTimersByTime(1000);
    sleep(2000);
    vi.advanceTimersByTime(1000);
    expect(slept).not.toHaveBeenCalled();
    sleep(60_000);
    vigil.look();
    vigil.stop();
    vi.advanceTimersByTime(10_000);
    expect(silent).not.toHaveBeenCalled();
  });
});
