// The delivery engine: one order for everything a client gets, one copy for each socket, batches of the application's own
// events, and heartbeats that pass what waits.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { To } from "../ts/server/index.js";
import { endChildren, startServerProgram } from "./support/child.js";
import { elapse } from "./support/deadline.js";
import {
  type Attached,
  closeClients,
  collect,
  connected,
  join,
  MODES,
  realtime,
  startAttached,
} from "./support/nself.js";
import { PollingSession, split, WebSocketSession } from "./support/raw.js";
import { Reader, TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";

let running: Attached | undefined;
afterEach(async () => {
  closeClients();
  endChildren();
  await running?.close();
  running = undefined;
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Numbers from 0 to below `limit`, the same ones for the same seed. */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** The number in an event of the test below, wherever its type keeps it. */
function numberIn(argument: unknown): number {
  const { data, n } = argument as { data?: Record<string, unknown>; n?: number };
  return Number(n ?? data?.n ?? data?.line ?? data?.step ?? data?.containerName);
}

describe.each(Object.entries(MODES))("order and copies over %s", (_, transports) => {
  test.each([1, 2, 3, 4])(
    "every socket gets what was emitted to it, by any way, once and in order (seed %i)",
    async (seed) => {
      running = await startAttached({ batch: { maxEvents: 4, window: 15 } });
      const { server, port } = running;
      const io = server.getIO();
      const found = new Map<string, { emit(name: string, argument: unknown): unknown }>();
      io.on("connection", (socket) => void found.set(socket.id, socket));
      const sockets = [await connected(port, { transports }), await connected(port, { transports })];
      sockets.push(await connected(port, { transports }));
      const [a, b, c] = sockets.map(({ id }) => id!) as [string, string, string];
      const inRoom: Record<string, string[]> = { x: [a], y: [a, b], all: [a, b, c] };
      for (const room of ["x", "y"]) {
        for (const socket of sockets) if (inRoom[room]!.includes(socket.id!)) await join(socket, room);
      }
      const got = sockets.map((socket) => {
        const numbers: number[] = [];
        const ended = new Promise<void>((resolve) => {
          socket.onAny((name: string, argument: unknown) => {
            if (name === "end") resolve();
            else if (!name.startsWith("room:")) numbers.push(numberIn(argument));
          });
        });
        return { numbers, ended };
      });

      const random = dice(seed);
      const of = <T>(items: readonly T[]): T => items[random(items.length)]!;
      const expected = new Map(sockets.map(({ id }) => [id!, [] as number[]]));
      const union = (...groups: string[][]) => [...new Set(groups.flat())];
      const less = (group: string[], without: string[]) => group.filter((id) => !without.includes(id));
      /** Emits number n by some way; who gets it. */
      const ways: Array<(n: number) => string[]> = [
        ...[0, 1, 2].map(() => (n: number) => {
          const to = of<To>([["x"], ["y"], []]);
          realtime.emitLogStream(samples.log(String(n)), ...to);
          return inRoom[String(to[0] ?? "all")]!;
        }),
        (n) => {
          const to = of<To>([["x"], ["y"], []]);
          realtime.emitDockerStats({ ...samples.dockerStats, containerName: String(n) }, ...to);
          return inRoom[String(to[0] ?? "all")]!;
        },
        (n) => {
          const to = of<To>([["x"], ["y"], []]);
          realtime.emitBuildProgress({ ...samples.buildProgress, step: String(n) }, ...to);
          return inRoom[String(to[0] ?? "all")]!;
        },
        (n) => {
          const room = of(["x", "y"]);
          server.batchEvent(room, "mark", { n });
          return inRoom[room]!;
        },
        (n) => {
          const id = of([a, b, c]);
          server.emitToSocket(id, "mark", { n });
          return [id];
        },
        (n) => {
          const room = of(["x", "y"]);
          io.to(room).batched.emit("bare", { n });
          return inRoom[room]!;
        },
        (n) => {
          // Some do not fit into one buffer with others.
          io.to("x")
            .to("y")
            .emit("bare", { n, pad: "x".repeat(random(8) === 0 ? 70_000 : 10) });
          return union(inRoom.x!, inRoom.y!);
        },
        (n) => {
          io.to(["x", "y", a]).batched.emit("bare", { n });
          return union(inRoom.x!, inRoom.y!);
        },
        (n) => {
          io.to("y").except("x").emit("bare", { n });
          return less(inRoom.y!, inRoom.x!);
        },
        (n) => {
          io.except("y").batched.emit("bare", { n });
          return [c];
        },
        (n) => {
          io.to("y").except(b).batched.emit("bare", { n });
          return [a];
        },
        (n) => {
          const id = of([a, b, c]);
          found.get(id)!.emit("bare", { n });
          return [id];
        },
      ];
      for (let n = 0; n < 500; n++) {
        for (const id of of(ways)(n)) expected.get(id)!.push(n);
        // Turns of the event loop, and pauses in which windows end, at any place.
        if (random(20) === 0) await turn();
        if (random(60) === 0) await elapse(random(25));
      }
      io.emit("end");
      for (const [i, { numbers, ended }] of got.entries()) {
        await ended;
        expect(numbers).toEqual(expected.get(sockets[i]!.id!));
      }
    },
  );
});

describe("copies", () => {
  test("a socket in several rooms gets one copy of each event, also when the rooms' batches end at different moments", async () => {
    running = await startAttached({ batch: { maxEvents: 3, window: 60_000 } });
    const io = running.server.getIO();
    const socket = await connected(running.port);
    for (const room of ["x", "y", "z"]) await join(socket, room);
    const got = collect(socket, "line", "end");
    const both = io.to("x").to("y").batched;
    // The windows of x and y are open, at different places of their three.
    for (const [i, target] of [io.to("x"), io.to("y"), io.to("x")].entries()) target.batched.emit("line", i);
    for (let i = 3; i < 10; i++) {
      both.emit("line", i);
      if (i % 2 === 0) io.to("x").batched.emit("line", `x${i}`);
      io.to("y").batched.emit("line", `y${i}`);
      await turn();
    }
    io.emit("end", "end");
    await got.until(21);
    const expected = [0, 1, 2];
    const rest = [3, 4, 5, 6, 7, 8, 9].flatMap((i) => [i, ...(i % 2 === 0 ? [`x${i}`] : []), `y${i}`]);
    expect(got.events).toEqual([...expected, ...rest, "end"]);
    expect(running.server.stats().dropped).toEqual({ latest: 0, gap: 0, volatile: 0, closed: 0 });
  });

  test("except leaves sockets out by room and by id, however many rooms an event goes to", async () => {
    running = await startAttached();
    const io = running.server.getIO();
    const sockets = [await connected(running.port), await connected(running.port), await connected(running.port)];
    for (const socket of sockets) for (const room of ["x", "y"]) await join(socket, room);
    await join(sockets[2]!, "quiet");
    const got = sockets.map((socket) => collect(socket, "line", "end"));
    io.to("x").to("y").except("quiet").emit("line", 1);
    io.to("x").except(sockets[0]!.id!).emit("line", 2);
    io.except(["quiet", sockets[1]!.id!]).emit("line", 3);
    io.to(["x", "quiet"]).except("y").emit("line", 4);
    io.except("nobody-here").emit("line", 5);
    io.emit("end", "end");
    await Promise.all(got.map(({ until }, i) => until([4, 4, 3][i]!)));
    expect(got.map(({ events }) => events)).toEqual([
      [1, 3, 5, "end"],
      [1, 2, 5, "end"],
      [2, 5, "end"],
    ]);
  });
});

describe("batches of the application's own events", () => {
  /** A raw WebSocket in room r, and the number of TCP reads since. */
  async function rawMember(port: number) {
    const session = await WebSocketSession.open(port, { path: "/api/ws/" });
    await session.join();
    session.send('420["join:room",{"roomId":"r"}]');
    await session.text();
    await session.text();
    let reads = 0;
    session.ws.connection.socket.on("data", () => reads++);
    return { session, reads: () => reads };
  }

  const numberOf = (packet: string) => JSON.parse(packet.slice(2))[1] as number;

  test("the first leaves at once; then maxEvents leave together", async () => {
    running = await startAttached({ batch: { maxEvents: 4, window: 60_000 } });
    const { session, reads } = await rawMember(running.port);
    const counts = new Set<number>();
    for (let i = 0; i < 9; i++) {
      running.server.getIO().to("r").batched.emit("line", i);
      // The shard has dealt with each before the next, and this test has read what it sent.
      running.server.getPresence();
      running.server.getPresence();
      await turn();
      await turn();
      counts.add(session.ws.frames.size);
    }
    for (let i = 0; i < 9; i++) expect(numberOf(await session.text())).toBe(i);
    expect(reads()).toBe(3);
    expect([...counts].filter((count) => ![0, 1, 5, 9].includes(count))).toEqual([]);
  });

  test("the window sends what has gathered, and stats() counts it as one batch", async () => {
    running = await startAttached({ batch: { maxEvents: 1000, window: 1000 } });
    const { session, reads } = await rawMember(running.port);
    const before = running.server.stats().batches;
    for (let i = 0; i < 6; i++) {
      running.server.getIO().to("r").batched.emit("line", i);
      running.server.getPresence();
      await turn();
    }
    for (let i = 0; i < 6; i++) expect(numberOf(await session.text())).toBe(i);
    expect(reads()).toBe(2);
    expect(running.server.stats().batches - before).toBe(1);
  });

  test("without `batched` they do not wait, and take with them what waits for their receivers", async () => {
    running = await startAttached({ batch: { maxEvents: 1000, window: 60_000 } });
    const { session, reads } = await rawMember(running.port);
    const io = running.server.getIO();
    for (let i = 0; i < 3; i++) io.to("r").batched.emit("line", i);
    expect(numberOf(await session.text())).toBe(0);
    running.server.getPresence();
    await turn();
    // To everybody rather than to the room: whoever gets it gets it behind what waits.
    io.emit("line", 3);
    for (let i = 1; i < 4; i++) expect(numberOf(await session.text())).toBe(i);
    expect(reads()).toBeLessThanOrEqual(2);
  });

  test("a polling client gets a batch as one payload, and a direct event with what waits before it", async () => {
    running = await startAttached({ batch: { maxEvents: 5, window: 60_000 } });
    const io = running.server.getIO();
    const session = await PollingSession.open(running.port, { path: "/api/ws/" });
    await session.join();
    await session.post('420["join:room",{"roomId":"r"}]');
    await session.packets(2);
    io.to("r").batched.emit("line", 0);
    expect((await session.packets(1)).map(numberOf)).toEqual([0]);
    const full = session.get();
    for (let i = 1; i < 6; i++) {
      io.to("r").batched.emit("line", i);
      running.server.getPresence();
      await turn();
    }
    expect(split(await full).map(numberOf)).toEqual([1, 2, 3, 4, 5]);
    const direct = session.get();
    for (const i of [6, 7]) io.to("r").batched.emit("line", i);
    running.server.getPresence();
    await turn();
    io.to("r").emit("line", 8);
    expect(split(await direct).map(numberOf)).toEqual([6, 7, 8]);
  });
});

describe("heartbeats pass what waits", () => {
  test.each(TRANSPORTS)("a ping comes before the megabytes that wait for its client (%s)", async (transport) => {
    const pingInterval = 300;
    running = await startAttached({ pingInterval, pingTimeout: 120_000, maxOutbox: 64 << 20 });
    const { server, port } = running;
    const reader = (await Reader.open(transport, port, { rooms: ["r"] })).pause();
    const pad = "x".repeat(100_000);
    // Beyond what the kernel's buffers hold, which take nothing for who does not ask.
    const count = transport === "polling" ? 60 : 200;
    for (let i = 0; i < count; i++) server.broadcastToRoom("r", "line", { i, pad });
    await vi.waitFor(() => expect(server.stats().waiting.bytes).toBeGreaterThan(4_000_000));
    // Several intervals, so that the ping is due wherever the last one was.
    await elapse(3 * pingInterval);
    const waiting = server.stats().waiting.bytes;
    server.broadcast("end", null);
    // Not until(): it takes pings out.
    const packets: string[] = [];
    reader.resume();
    while (!packets.at(-1)?.startsWith('42["end"')) packets.push(await reader.next());
    const behind = packets.slice(packets.indexOf("2") + 1, -1).filter((one) => one !== "2");
    // More may follow each pong while it all arrives.
    expect(packets).toContain("2");
    // All that waited but the one event that was half written.
    expect(behind.reduce((sum, one) => sum + one.length, 0)).toBeGreaterThan(waiting - 2 * pad.length);
    const numbers = packets
      .filter((one) => one.startsWith('42["line"'))
      .map((one) => JSON.parse(one.slice(2))[1].data.i);
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  test("pings come while broadcasts to many clients run", async () => {
    const pingInterval = 200;
    const program = await startServerProgram("attach", { pingInterval, pingTimeout: 120_000 });
    const sessions = await Promise.all(
      Array.from({ length: 100 }, () => WebSocketSession.open(program.port, { path: "/api/ws/" })),
    );
    for (const session of sessions) await session.join();
    const [probe, ...crowd] = sessions as [WebSocketSession, ...WebSocketSession[]];
    let bytes = 0;
    for (const { ws } of crowd) {
      const { socket } = ws.connection;
      // They take what comes, and look at nothing.
      socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
    }
    /** Lines that came, and those that a gap event says were dropped, as this test may be slow to read. */
    let lines = 0;
    let pings = 0;
    let emitted = 0;
    // The broadcasts go on until enough pings came between them.
    while (pings < 8 || lines < 5000) {
      for (; emitted <= lines; emitted += 500) program.tell("emit", { count: 500 });
      const packet = await probe.text();
      if (packet === "2") {
        pings++;
        probe.send("3");
      } else if (packet.startsWith("42")) {
        const [name, { data }] = JSON.parse(packet.slice(2));
        lines += name === "gap" ? data.count : 1;
      }
    }
    // The crowd really was busy.
    await vi.waitFor(() => expect(bytes).toBeGreaterThan(10 * lines * crowd.length));
  });
});
