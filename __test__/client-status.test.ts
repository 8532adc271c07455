// @vitest-environment jsdom
// What the status says of a connection that is not there: why, until when, whether it is tried again; and what makes it try at once.

import { Server } from "nself-realtime";
import { describe, expect, it, vi } from "vitest";
import type { ConnectionStatus, WebSocketClient } from "../ts/client/index.js";
import { startProxy } from "./support/proxy.js";
import { cleanups, client, connected, lost, open, server, settled, status } from "./support/web-socket-client.js";

const HOUR = 3_600_000;

const refused = (of: WebSocketClient) => status(of, (next) => next.refused === true);

/** A server that asks for tickets of the form `good…`, and counts who asked. */
async function door(answer: (auth: unknown) => boolean) {
  let asked = 0;
  const from = await server({
    authenticate: ({ auth }) => {
      asked++;
      return answer(auth) ? { userId: "ann" } : null;
    },
  });
  return { from, asked: () => asked };
}

describe("a refusal", () => {
  it("stands in the status with its code, and is not tried again until retry", async () => {
    let isOpen = false;
    const { from, asked } = await door(() => isOpen);
    const at = client(from.url, { reconnectDelays: [5] });
    at.connect();
    const joining = at.joinRoom("project-1");
    expect(await refused(at)).toEqual({
      connected: false,
      reconnecting: false,
      refused: true,
      reconnectAttempts: 0,
      lastError: "unauthorized",
      code: "ERR_UNAUTHORIZED",
    });
    // Who waits for a room hears it, and so does who asks now.
    const answer = { ok: false, code: "ERR_UNAUTHORIZED", error: "unauthorized" };
    expect(await joining).toEqual(answer);
    expect(await at.joinRoom("project-1")).toEqual(answer);
    // Others come and go meanwhile; this one asked once.
    isOpen = true;
    await settled(from, await open(from.url));
    expect(asked()).toBe(2);
    at.retry();
    const now = await connected(at);
    expect(now).not.toHaveProperty("code");
    expect(now).not.toHaveProperty("refused");
    await vi.waitFor(() => expect(from.members("project-1")).toHaveLength(1));
  });

  it("after a logout is the end of a connection that was well", async () => {
    let isOpen = true;
    const { from } = await door(() => isOpen);
    const at = await open(from.url);
    isOpen = false;
    from.kick();
    const last = await refused(at);
    expect(last).toMatchObject({ reconnectAttempts: 1, code: "ERR_UNAUTHORIZED" });
    expect(last).not.toHaveProperty("nextAttemptAt");
  });

  it("of a function's credentials is the last word only when the next ones are refused as well", async () => {
    const { from, asked } = await door((auth) => (auth as { ticket: string }).ticket === "fresh");
    let fetched = 0;
    const fresh = client(from.url, { auth: async (give) => give({ ticket: fetched++ === 0 ? "expired" : "fresh" }) });
    fresh.connect();
    await connected(fresh);
    expect([fetched, asked()]).toEqual([2, 2]);
    const stale = client(from.url, { auth: (give) => give({ ticket: "expired" }) });
    stale.connect();
    expect(await refused(stale)).toMatchObject({ reconnectAttempts: 1, code: "ERR_UNAUTHORIZED" });
    expect(asked()).toBe(4);
  });

  it("of a namespace that is not there is one, too", async () => {
    const from = await server();
    const at = client(`${from.url}/nowhere`);
    at.connect();
    expect(await refused(at)).toMatchObject({ lastError: "Invalid namespace", code: "ERR_INVALID_NAMESPACE" });
  });

  it("that may pass is tried again, with its code in the status", async () => {
    let fails = true;
    const from = await server({
      authenticate: () => {
        if (fails) throw new Error("the database is away");
        return { userId: "ann" };
      },
    });
    const at = client(from.url);
    at.connect();
    const waiting = await status(at, (next) => next.reconnectAttempts === 2 && next.nextAttemptAt !== undefined);
    expect(waiting).toMatchObject({ reconnecting: true, code: "ERR_AUTHENTICATION" });
    fails = false;
    await connected(at);
  });

  it("by a middleware of the application has its data's code, if it has one", async () => {
    const io = new Server({ path: "/api/ws" });
    io.use((_, next) => next(Object.assign(new Error("too young"), { data: { code: "ERR_AGE" } })));
    const { createServer } = await import("node:http");
    const http = createServer();
    io.attach(http);
    await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
    cleanups.push(() => io.close());
    const at = client(`http://127.0.0.1:${(http.address() as { port: number }).port}`);
    at.connect();
    const waiting = await status(at, (next) => next.reconnecting);
    expect(waiting).toMatchObject({ lastError: "too young", code: "ERR_AGE" });
    at.disconnect();
  });
});

describe("auth as a function", () => {
  it.each([
    ["rejects", () => Promise.reject(new Error("no ticket"))],
    [
      "throws",
      () => {
        throw new Error("no ticket");
      },
    ],
  ])("that %s ends the attempt, says so, and is asked again", async (_, fail) => {
    const from = await server();
    let works = false;
    const at = client(from.url, { auth: (give) => (works ? give({}) : fail()) });
    at.connect();
    const waiting = await status(at, (next) => next.reconnectAttempts === 2);
    expect(waiting).toMatchObject({ reconnecting: true, lastError: "no ticket", code: "ERR_AUTH" });
    works = true;
    await connected(at);
    expect(from.sockets()).toBe(1);
  });

  it("that answers too late answers nobody", async () => {
    const from = await server();
    const gives: Array<() => void> = [];
    const at = client(from.url, {
      reconnectDelays: [HOUR],
      auth: (give) => {
        gives.push(() => give({}));
        if (gives.length > 1) give({});
      },
    });
    at.connect();
    await vi.waitFor(() => expect(gives).toHaveLength(1));
    // The first attempt breaks while its credentials are fetched.
    await from.stop();
    await status(at, (next) => next.reconnecting);
    await from.start();
    at.retry();
    await connected(at);
    gives[0]!();
    await settled(from, at);
    expect(at.isConnected()).toBe(true);
    expect(from.connections()).toBe(1);
  });
});

describe("while it waits", () => {
  it("tells when the next attempt comes, and nothing of it while one is being made", async () => {
    const from = await server();
    const at = await open(from.url, { reconnectDelays: [HOUR], jitter: 0, spread: 0 });
    const seen: ConnectionStatus[] = [];
    at.onStatusChange((next) => seen.push(next));
    const before = Date.now();
    await from.stop();
    at.retry();
    await status(at, (next) => next.reconnectAttempts === 2);
    const due = Date.parse(at.getStatus().nextAttemptAt ?? "");
    expect(due).toBeGreaterThanOrEqual(before + HOUR);
    expect(due).toBeLessThanOrEqual(Date.now() + HOUR);
    const [, waiting, trying] = seen;
    expect(waiting).toHaveProperty("nextAttemptAt");
    expect(trying).toMatchObject({ reconnecting: true, reconnectAttempts: 1 });
    expect(trying).not.toHaveProperty("nextAttemptAt");
    await from.start();
    at.retry();
    expect(await connected(at)).not.toHaveProperty("nextAttemptAt");
  });

  it("retry does nothing where there is a connection, and does not undo disconnect", async () => {
    const from = await server();
    const at = await open(from.url);
    at.retry();
    at.disconnect();
    at.retry();
    expect(at.getStatus()).toMatchObject({ connected: false, reconnecting: false });
    await settled(from, await open(from.url));
    expect(from.connections()).toBe(2);
  });

  const uses: Array<[string, () => void]> = [
    ["a click", () => document.body.click()],
    ["the focus", () => window.dispatchEvent(new Event("focus"))],
    ["the page that comes back", () => window.dispatchEvent(new Event("pageshow"))],
    ["the network that comes back", () => window.dispatchEvent(new Event("online"))],
    ["the tab that is looked at", () => document.dispatchEvent(new Event("visibilitychange"))],
  ];

  it.each(uses)("%s makes it try at once", async (_, use) => {
    const from = await server();
    const clock = vi.spyOn(Date, "now");
    cleanups.push(() => clock.mockRestore());
    const at = await open(from.url, { reconnectDelays: [HOUR] });
    from.kick();
    await status(at, (next) => next.reconnecting);
    const later = Date.now() + 1000;
    clock.mockReturnValue(later);
    use();
    await connected(at);
  });

  it("clicks in a row are one attempt, and a component that stops them does not hide them", async () => {
    const from = await server();
    const proxy = await startProxy(Number(new URL(from.url).port));
    cleanups.push(() => proxy.close());
    const clock = vi.spyOn(Date, "now");
    cleanups.push(() => clock.mockRestore());
    const at = await open(`http://127.0.0.1:${proxy.port}`, { reconnectDelays: [HOUR], transports: ["websocket"] });
    const button = document.body.appendChild(document.createElement("button"));
    cleanups.push(() => button.remove());
    button.addEventListener("click", (event) => event.stopPropagation());
    proxy.cut();
    await lost(at);
    const later = Date.now() + 1000;
    clock.mockReturnValue(later);
    button.click();
    await status(at, (next) => next.reconnectAttempts === 2);
    for (let n = 0; n < 5; n++) button.click();
    expect(at.getStatus()).toHaveProperty("nextAttemptAt");
    clock.mockReturnValue(later + 1000);
    proxy.restore();
    button.click();
    await connected(at);
  });

  it("use of the page asks a server that refused anew, at most as often as by itself", async () => {
    let isOpen = false;
    const { from, asked } = await door(() => isOpen);
    const clock = vi.spyOn(Date, "now");
    cleanups.push(() => clock.mockRestore());
    const at = client(from.url, { reconnectDelays: [100, 60_000] });
    at.connect();
    await refused(at);
    isOpen = true;
    const later = Date.now();
    clock.mockReturnValue(later + 59_000);
    for (const [, use] of uses) use();
    at.retain()();
    await settled(from, await open(from.url));
    expect(asked()).toBe(2);
    clock.mockReturnValue(later + 61_000);
    document.body.click();
    await connected(at);
  });
});

it("tells when the connection was last alive, not when it was made", async () => {
  const from = await server();
  let skew = 0;
  const real = Date.now;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => real() + skew);
  cleanups.push(() => clock.mockRestore());
  const at = await open(from.url, { reconnectDelays: [HOUR] });
  const made = Date.parse(at.getStatus().lastConnected ?? "");
  skew = 600_000;
  await from.stop();
  const after = Date.parse((await lost(at)).lastConnected ?? "");
  expect(after).toBeGreaterThanOrEqual(made + 600_000);
  await from.start();
});
