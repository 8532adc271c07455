// @vitest-environment jsdom
// What the client sends: with and without a connection, with acknowledgement, and nothing lost in silence.

import { describe, expect, it, vi } from "vitest";
import { WebSocketClient } from "../ts/client/index.js";
import { elapse } from "./support/deadline.js";
import { cleanups, client, event, open, server, settled, status } from "./support/web-socket-client.js";

describe("emit", () => {
  it("keeps what is emitted offline, and sends it in order once connected", async () => {
    const from = await server();
    const at = client(from.url);
    const echoed: unknown[] = [];
    at.on("echo", (data) => echoed.push(data));
    at.emit("echo", 1);
    at.connect();
    at.emit("echo", 2);
    const off = at.onStatusChange(({ connected }) => {
      if (connected) at.emit("echo", 3);
    });
    await vi.waitFor(() => expect(echoed).toEqual([1, 2, 3]));
    off();
    await from.stop();
    await status(at, (next) => next.reconnecting);
    at.emit("echo", 4);
    await from.start();
    await vi.waitFor(() => expect(echoed).toEqual([1, 2, 3, 4]));
  });

  it("throws ERR_QUEUE_FULL instead of dropping", async () => {
    const from = await server();
    const at = client(from.url, { queueLimit: 2 });
    at.emit("echo", 1);
    at.emit("echo", 2);
    expect(() => at.emit("echo", 3)).toThrow(expect.objectContaining({ code: "ERR_QUEUE_FULL" }));
    const echoed: unknown[] = [];
    at.on("echo", (data) => echoed.push(data));
    at.connect();
    await vi.waitFor(() => expect(echoed).toEqual([1, 2]));
  });

  it("sends no argument when there is no data, and refuses reserved names", async () => {
    const from = await server();
    const at = client(from.url);
    expect(() => at.emit("disconnect", 1)).toThrow(expect.objectContaining({ code: "ERR_RESERVED_EVENT" }));
    at.emit("echo");
    const heard = vi.fn();
    at.on("echo", heard);
    at.connect();
    await vi.waitFor(() => expect(heard.mock.calls).toEqual([[undefined]]));
  });

  it("refuses without a connection where that was chosen, for the client or for one event", async () => {
    const from = await server();
    const offline = expect.objectContaining({ code: "ERR_OFFLINE" });
    const refusing = client(from.url, { offline: "refuse" });
    expect(() => refusing.emit("echo", 1)).toThrow(offline);
    refusing.emit("echo", 2, { offline: "queue" });
    const queueing = client(from.url);
    expect(() => queueing.emit("echo", 3, { offline: "refuse" })).toThrow(offline);
    const echoed = event(refusing, "echo");
    refusing.connect();
    expect(await echoed).toBe(2);
    refusing.emit("echo", 4);
    expect(await event(refusing, "echo")).toBe(4);
  });

  it("reports what waited too long, and sends what did not", async () => {
    const from = await server();
    const at = client(from.url, { queueExpiry: 2000 });
    const errors: unknown[] = [];
    at.on("error", (error) => errors.push(error));
    at.emit("echo", "old");
    await elapse(1200);
    at.emit("echo", "new");
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    const echoed: unknown[] = [];
    at.on("echo", (data) => echoed.push(data));
    at.connect();
    await vi.waitFor(() => expect(echoed).toEqual(["new"]));
    expect(errors).toEqual([{ code: "ERR_EXPIRED", error: expect.stringContaining('"echo"') }]);
  });

  it("does not send what is too old when the page slept past its timers", async () => {
    const from = await server();
    const at = client(from.url);
    const errors: Array<{ code: string }> = [];
    at.on("error", (error) => errors.push(error));
    at.emit("echo", "old");
    const later = Date.now() + 61_000;
    const clock = vi.spyOn(Date, "now").mockReturnValue(later);
    cleanups.push(() => clock.mockRestore());
    at.connect();
    await vi.waitFor(() => expect(errors.map(({ code }) => code)).toEqual(["ERR_EXPIRED"]));
    const echoed = event(at, "echo");
    at.emit("echo", "new");
    expect(await echoed).toBe("new");
  });

  it("tells the console what nobody listens for", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    cleanups.push(() => said.mockRestore());
    const at = new WebSocketClient({ queueExpiry: 1 });
    at.emit("echo", 1);
    await vi.waitFor(() => expect(said).toHaveBeenCalledWith(expect.stringContaining("ERR_EXPIRED")));
  });

  it("reports data that cannot be sent, and sends the rest of the queue", async () => {
    const from = await server();
    const at = client(from.url);
    const circular: unknown[] = [];
    circular.push(circular);
    const uncaught: unknown[] = [];
    const original = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => uncaught.push(error));
    cleanups.push(() => {
      process.removeAllListeners("uncaughtException");
      for (const listener of original) process.on("uncaughtException", listener);
    });
    at.emit("echo", circular);
    const asked = at.emitWithAck("echo", circular);
    asked.catch(() => {});
    at.emit("echo", "next");
    const echoed = event(at, "echo");
    at.connect();
    expect(await echoed).toBe("next");
    await expect(asked).rejects.toThrow();
    await vi.waitFor(() => expect(uncaught).toHaveLength(1));
  });
});

describe("emitWithAck", () => {
  /** A server that answers `ask` as `answer` says: the count of the asking, the data, and the way to answer. */
  function asking(answer: (count: number, data: unknown, ack: (value: unknown) => void) => void) {
    let count = 0;
    return server({}, (socket) => {
      socket.on("ask", ({ data }: { data: unknown }, ack: (value: unknown) => void) => answer(++count, data, ack));
    });
  }

  it("gives the server's answer", async () => {
    const from = await asking((_, data, ack) => ack({ got: data }));
    const at = await open(from.url);
    expect(await at.emitWithAck("ask", { a: 1 })).toEqual({ got: { a: 1 } });
  });

  it("waits for a connection, in order with what else was emitted", async () => {
    const order: unknown[] = [];
    const from = await server({}, (socket) => {
      socket.onAny((type: string) => order.push(type));
      socket.on("ask", (_, ack: (value: unknown) => void) => ack("answer"));
    });
    const at = client(from.url);
    at.emit("echo", 1);
    const asked = at.emitWithAck("ask", 2);
    at.emit("echo", 3);
    at.connect();
    expect(await asked).toBe("answer");
    await vi.waitFor(() => expect(order).toEqual(["echo", "ask", "echo"]));
  });

  it("gives up with ERR_TIMEOUT, and only after the last retry", async () => {
    const seen: unknown[] = [];
    const from = await asking((count, data, ack) => {
      seen.push(data);
      if (count === 4) ack("late, but well");
    });
    const at = await open(from.url);
    await expect(at.emitWithAck("ask", "once", { timeout: 50 })).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
    expect(seen).toEqual(["once"]);
    expect(await at.emitWithAck("ask", "again", { timeout: 500, retries: 5 })).toBe("late, but well");
    expect(seen).toEqual(["once", "again", "again", "again"]);
  });

  it("asks again after a reconnect, or says ERR_DISCONNECTED where there is no retry", async () => {
    const from = await asking((count, _, ack) => {
      if (count <= 2) {
        if (count === 2) from.kick();
      } else ack("after the reconnect");
    });
    const at = await open(from.url);
    const once = at.emitWithAck("ask", 1);
    const again = at.emitWithAck("ask", 2, { retries: 1 });
    await expect(once).rejects.toMatchObject({ code: "ERR_DISCONNECTED" });
    expect(await again).toBe("after the reconnect");
  });

  it("tells what was never sent from what may have arrived", async () => {
    const from = await asking(() => from.kick());
    const at = await open(from.url, { reconnectDelays: [3_600_000], queueLimit: 1 });
    // Sent once; the retry finds no connection and may not wait for one.
    const sent = at.emitWithAck("ask", 1, { retries: 3, offline: "refuse" });
    await expect(sent).rejects.toMatchObject({ code: "ERR_DISCONNECTED" });
    await expect(at.emitWithAck("ask", 2, { offline: "refuse" })).rejects.toMatchObject({ code: "ERR_OFFLINE" });
    at.emit("echo", 3);
    await expect(at.emitWithAck("ask", 4)).rejects.toMatchObject({ code: "ERR_QUEUE_FULL" });
    await expect(at.emitWithAck("connect", 5)).rejects.toMatchObject({ code: "ERR_RESERVED_EVENT" });
    const expiring = client(from.url, { queueExpiry: 20 });
    await expect(expiring.emitWithAck("ask", 6)).rejects.toMatchObject({ code: "ERR_EXPIRED" });
  });
});

describe("guards", () => {
  it("reports a known event that does not fit its type, instead of handing it over", async () => {
    const from = await server();
    const at = await open(from.url);
    const [statuses, errors] = [vi.fn(), vi.fn()];
    at.on("service:status", statuses);
    at.on("error", errors);
    const good = { service: "api", status: "running", timestamp: "t" };
    for (const data of [{ ...good, status: "on" }, { ...good, service: 7 }, null, "text", { ...good, health: {} }]) {
      from.emitBare("service:status", { type: "service:status", data, timestamp: "t" });
    }
    from.emitBare("service:status", good);
    from.emitBare("service:status", { type: "service:status", data: good, timestamp: "t" });
    await settled(from, at);
    expect(statuses.mock.calls).toEqual([[good], [good]]);
    expect(errors).toHaveBeenCalledTimes(5);
    expect(errors.mock.calls[0]).toEqual([
      { code: "ERR_INVALID_EVENT", error: expect.stringContaining('"status":"on"') },
    ]);
  });
});
