// Who says an event's policy: its emit, the option `policies` by the event's name, or the event's own type.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Attached, realtime } from "./support/nself.js";
import { dropConnections } from "./support/raw.js";
import { Reader, TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";
import { AMOUNTS, flood, type Gap, ISO, MAX_OUTBOX, paused, startSmall, turn } from "./support/slow.js";

const { emitLogStream } = realtime;

let running: Attached;
const closers: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: Parameters<typeof startSmall>[0] = {}): Promise<Attached> {
  running = await startSmall(options);
  closers.push(running.close);
  return running;
}

describe("who says the policy", () => {
  const count = 2000;

  test("policy() of an emit: gap, with a bare gap event for bare events", async () => {
    const { server } = await start();
    const reader = await paused("polling", running, "r");
    const { rooms, all } = {
      rooms: server.getIO().to("r").policy("gap"),
      all: server.getIO().to(["r", "s"]).policy("gap"),
    };
    await flood(running, count, (n) => (n % 2 ? rooms.emit("room line", n) : all.emit("line", n)));
    server.broadcast("end", null);
    const got = await reader.until("end");
    const lost = { line: 0, "room line": 0 };
    for (const [name, gap] of got.filter(([name]) => name === "gap")) {
      expect(name).toBe("gap");
      const of = (gap as Gap).event as keyof typeof lost;
      const room = of === "line" ? {} : { room: "r" };
      expect(gap).toEqual({
        event: of,
        ...room,
        count: expect.any(Number),
        from: expect.stringMatching(ISO),
        to: expect.stringMatching(ISO),
      });
      lost[of] += gap.count;
    }
    const arrived = (of: string) => got.filter(([name]) => name === of).map(([, n]) => n as number);
    for (const [of, first] of [
      ["line", 0],
      ["room line", 1],
    ] as const) {
      expect(lost[of]).toBeGreaterThan(0);
      const numbers = Array.from({ length: count / 2 }, (_, i) => 2 * i + first);
      expect(arrived(of)).toEqual(numbers.slice(lost[of]));
    }
  });

  test("policy() of an emit: latest, by a key or of the event", async () => {
    const { server } = await start();
    const reader = await paused("polling", running, "r");
    const io = server.getIO();
    await flood(running, count, (n) => {
      if (n % 2)
        io.to("r")
          .policy("latest", `k${n % 6}`)
          .emit("keyed", `k${n % 6}`, n, "x".repeat(100));
      else io.to("r").policy("latest").batched.emit("state", n);
    });
    server.broadcast("end", null);
    const got = await reader.until("end");
    expect(got.filter(([name]) => name === "state").at(-1)).toEqual(["state", count - 2]);
    const keys = got.filter(([name]) => name === "keyed").map(([, key]) => key as string);
    expect(new Set(keys)).toEqual(new Set(["k1", "k3", "k5"]));
    expect(server.stats().dropped.latest).toBe(count - got.length);
    expect(server.stats().slowClients).toBe(0);
  });

  test("policy() says before the option; the option before what the six events have by themselves", async () => {
    const { server } = await start({ policies: { noise: "gap", "logs:stream": "latest" } });
    const reader = await paused("polling", running, "r");
    // It may go, and does.
    await flood(running, count, (n) => emitLogStream(samples.log(String(n)), "r"));
    server.broadcast("middle", null);
    const lines = await reader.until("middle");
    expect(lines.at(-1)?.[1].data.line).toBe(String(count - 1));
    expect(server.stats()).toMatchObject({ gaps: 0, dropped: { gap: 0, latest: count - lines.length } });
    // It may not, whatever the option says.
    for (let n = 0; n < count; n++) server.getIO().to("r").policy("close").emit("noise", n);
    expect(server.getRoomMembers("r")).toEqual([]);
    expect(server.stats()).toMatchObject({ gaps: 0, slowClients: 1 });
    expect(await reader.rest()).toEqual([]);
  });

  test("a bad one is refused, and named", async () => {
    const { server } = await start();
    const code = expect.objectContaining({ code: "ERR_INVALID_OPTION" });
    expect(() =>
      server
        .getIO()
        .to("r")
        .policy("newest" as "latest"),
    ).toThrow(code);
    const http = createServer();
    for (const policies of [{ a: "oldest" }, { a: { latest: "" } }, { a: {} }, { a: null }, "gap"]) {
      expect(() => new realtime.Server(http, { policies: policies as never })).toThrow(code);
    }
  });
});

describe.each(TRANSPORTS)("Server on its own, over %s", (transport) => {
  const { count, size } = AMOUNTS[transport];
  const pad = "x".repeat(size);

  test.each(["a room", "one socket"])("the option policies decides by the event's name, to %s", async (to) => {
    const http = createServer();
    const io = new realtime.Server(http, {
      maxOutbox: MAX_OUTBOX,
      policies: { state: { latest: "id" }, total: "latest", line: "gap" },
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    closers.push(async () => {
      dropConnections(port);
      const closed = io.close();
      http.closeAllConnections();
      await closed;
    });
    const reasons: string[] = [];
    const emit = (name: string, argument: object) => {
      const [socket] = io.sockets.sockets.values();
      (to === "a room" ? io.to("r") : socket)?.emit(name, argument);
    };
    io.on("connection", (socket) => {
      socket.join("r");
      socket.on("disconnect", (reason) => void reasons.push(reason));
    });
    const reader = (await Reader.open(transport, port, { path: "/socket.io/" })).pause();
    // JavaScript hears of a client after the client does.
    await vi.waitFor(() => expect(io.sockets.sockets.get(reader.id)?.rooms).toContain("r"));
    for (let n = 0; n < count; n++) {
      if (n % 3 === 0) emit("state", { id: n % 2, n, pad });
      else if (n % 3 === 1) emit("total", { n, pad });
      else emit("line", { n, pad });
      if (n % 100 === 99) await turn();
    }
    io.emit("end");
    const got = await reader.until("end");
    const last = new Map<string, number>();
    for (const [name, argument] of got) last.set(name === "state" ? `state ${argument.id}` : name, argument.n);
    const newest = (wanted: (n: number) => boolean) =>
      Array.from({ length: count }, (_, n) => n)
        .filter(wanted)
        .at(-1);
    expect(last.get("state 0")).toBe(newest((n) => n % 3 === 0 && n % 2 === 0));
    expect(last.get("state 1")).toBe(newest((n) => n % 3 === 0 && n % 2 === 1));
    expect(last.get("total")).toBe(newest((n) => n % 3 === 1));
    expect(last.get("line")).toBe(newest((n) => n % 3 === 2));
    const lines = got.filter(([name]) => name === "line").length;
    const missing = got.filter(([name]) => name === "gap").reduce((total, [, gap]) => total + gap.count, 0);
    expect(missing).toBeGreaterThan(0);
    expect(lines + missing).toBe(Math.floor(count / 3));

    reader.pause();
    for (let n = 0; n < 20_000 && reasons.length === 0; n++) {
      emit("unnamed", { n, pad });
      if (n % 10 === 9) await turn();
    }
    await vi.waitFor(() => expect(reasons).toEqual(["slow client"]));
  });
});
