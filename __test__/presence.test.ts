// Who is there: clients of which nothing is heard are swept out, and a page that reloads is no
// coming and going.
import type { Server as HttpServer } from "node:http";
import type { Socket } from "socket.io-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { watchArrivals } from "./support/arrivals.js";
import { endChildren, start as startProgram } from "./support/child.js";
import {
  type Attached,
  closeClients,
  collect,
  connected,
  join,
  realtime,
  settled,
  startAttached,
} from "./support/nself.js";
import { Reader, TRANSPORTS } from "./support/reader.js";

const server = realtime.getWebSocketServer();

let running: Attached | undefined;
afterEach(async () => {
  closeClients();
  endChildren();
  await running?.close();
  running = undefined;
});

/** A server whose clients are anonymous. */
async function start(options: Parameters<typeof startAttached>[0] = {}): Promise<number> {
  running = await startAttached(options);
  watchArrivals(running.http as HttpServer);
  return running.port;
}

/** A server that believes what clients say of themselves. */
function startWithUsers(presence: { grace: number }): Promise<number> {
  return start({ presence, authenticate: ({ auth }) => ({ userId: (auth as { user: string }).user }) });
}

/** How a client comes, and how it is cut off: without having said that it leaves. */
const CUTS: Record<string, (port: number, user: string) => Promise<{ id: string; cut(): unknown }>> = {
  "a WebSocket that breaks": async (port, user) => {
    const socket = await connected(port, { auth: { user } });
    await join(socket, "r");
    const { ws } = socket.io.engine.transport as unknown as { ws: { terminate(): void } };
    return { id: socket.id!, cut: () => ws.terminate() };
  },
  "a WebSocket that a page closes": async (port, user) => {
    const socket = await connected(port, { auth: { user } });
    await join(socket, "r");
    return { id: socket.id!, cut: () => socket.io.engine.close() };
  },
  "a poll that breaks": async (port, user) => {
    const reader = await Reader.open("polling", port, { auth: { user }, rooms: ["r"] });
    return { id: reader.id, cut: () => reader.cut() };
  },
  "a polling session that a page closes": async (port, user) => {
    const socket = await connected(port, { auth: { user }, transports: ["polling"] });
    await join(socket, "r");
    return { id: socket.id!, cut: () => socket.io.engine.close() };
  },
};

/** Somebody who is in room r all the time, and what is announced there. */
async function watcher(port: number) {
  const socket = await connected(port, { auth: { user: "watcher" } });
  await join(socket, "r");
  await settled(socket);
  const { events, until } = collect(socket, "room:joined", "room:left");
  const announced = () =>
    events.map(({ type, data }) => {
      const { userId, socketId } = data as { userId: string | null; socketId: string };
      return [type, userId, socketId];
    });
  return { socket, until, announced };
}

const gone = (user: string) => vi.waitFor(() => expect(server.getUserPresence(user)).toEqual([]), { interval: 5 });

describe.each(TRANSPORTS)("stale clients, over %s", (transport) => {
  test("who says nothing, not even to pings, is disconnected; who answers them stays", async () => {
    const port = await start({
      pingInterval: 1000,
      pingTimeout: 60_000,
      presence: { staleAfter: 4000, sweepInterval: 50, grace: 60_000 },
    });
    const reasons = new Map<string, string>();
    server.getIO().on("connection", (socket) => socket.on("disconnect", (why) => reasons.set(socket.id, why)));
    const there = await watcher(port);
    const stays = await connected(port, { transports: [transport] });
    await join(stays, "r");
    const begun = Date.now();
    const stale = await Reader.open(transport, port, { rooms: ["r"] });
    const entry = server.getPresence().find(({ socketId }) => socketId === stale.id);
    expect(entry?.rooms).toEqual(["r"]);
    await vi.waitFor(() => expect([...reasons]).toEqual([[stale.id, "stale client"]]));
    expect(Date.now() - begun).toBeGreaterThanOrEqual(4000);
    expect(server.getPresence().map(({ socketId }) => socketId)).not.toContain(stale.id);
    expect(server.getRoomMembers("r").sort()).toEqual([there.socket.id, stays.id].sort());
    await there.until(3);
    expect(there.announced().at(-1)).toEqual(["room:left", null, stale.id]);
    expect(server.stats()).toMatchObject({ staleClients: 1, sockets: 2 });
    // It is told, or finds out.
    expect((await stale.rest()).filter((one) => one.startsWith("40"))).toEqual([]);
    // Of those who stay, nothing but pongs came in all that time, which is several times what is allowed.
    await vi.waitFor(() => expect(Date.now() - begun).toBeGreaterThan(9000), { interval: 100 });
    expect([stays.connected, there.socket.connected]).toEqual([true, true]);
    expect(server.stats().staleClients).toBe(1);
  });
});

describe("coming and going", () => {
  test.each(Object.entries(CUTS))(
    "%s: a user who is back within the grace has neither left nor joined",
    async (_, come) => {
      const grace = 2500;
      const port = await startWithUsers({ grace });
      const { until, announced } = await watcher(port);
      const before = await come(port, "ann");
      await before.cut();
      await gone("ann");
      expect(server.getRoomMembers("r")).not.toContain(before.id);
      const after = await come(port, "ann");
      expect(after.id).not.toBe(before.id);
      expect(server.getRoomMembers("r")).toContain(after.id);

      // Who stays away is announced when his grace is over; ann's is by then, too.
      const bob = await come(port, "bob");
      await until(2);
      const cut = Date.now();
      await bob.cut();
      await gone("bob");
      await until(3);
      expect(Date.now() - cut).toBeGreaterThanOrEqual(grace - 5);
      expect(announced()).toEqual([
        ["room:joined", "ann", before.id],
        ["room:joined", "bob", bob.id],
        ["room:left", "bob", bob.id],
      ]);
      expect(server.getUserPresence("ann").map(({ socketId }) => socketId)).toEqual([after.id]);
      await after.cut();
    },
  );

  test("who is back, but not in the room, has left it", async () => {
    const port = await startWithUsers({ grace: 1500 });
    const { until, announced } = await watcher(port);
    const before = await CUTS["a WebSocket that breaks"]!(port, "ann");
    before.cut();
    await gone("ann");
    await connected(port, { auth: { user: "ann" } });
    await until(2);
    expect(announced()).toEqual([
      ["room:joined", "ann", before.id],
      ["room:left", "ann", before.id],
    ]);
  });

  test("of two tabs that are cut off and one that comes back, one has left", async () => {
    const port = await startWithUsers({ grace: 2000 });
    const { socket, until, announced } = await watcher(port);
    const come = CUTS["a WebSocket that breaks"]!;
    const tabs = [await come(port, "ann"), await come(port, "ann")];
    for (const { cut } of tabs) cut();
    await gone("ann");
    await come(port, "ann");
    await until(3);
    await settled(socket);
    expect(announced().map(([type]) => type)).toEqual(["room:joined", "room:joined", "room:left"]);
    expect(tabs.map(({ id }) => id)).toContain(announced()[2]![2]);
  });

  // Nobody waits for a minute here: if these came with the grace, the test would fail at its deadline.
  const LONG = { grace: 60_000 };
  const atOnce: Array<[string, string | undefined, (socket: Socket) => unknown]> = [
    ["an anonymous client that is cut off", undefined, (socket) => socket.io.engine.close()],
    ["a user who leaves the room", "ann", (socket) => socket.emit("leave:room", { roomId: "r" })],
    ["a user whose client disconnects", "ann", (socket) => socket.disconnect()],
    ["a user who is logged out", "ann", () => expect(server.disconnectUser("ann")).toBe(1)],
    ["a user whom the server takes out", "ann", (socket) => server.getIO().in(socket.id!).socketsLeave("r")],
  ];
  test.each(TRANSPORTS.flatMap((transport) => atOnce.map(([name, user, leave]) => ({ transport, name, user, leave }))))(
    "$name has left at once ($transport)",
    async ({ transport, user, leave }) => {
      const port = await (user ? startWithUsers(LONG) : start({ presence: LONG }));
      const { until, announced } = await watcher(port);
      const socket = await connected(port, { transports: [transport], ...(user ? { auth: { user } } : {}) });
      const { id } = socket;
      await join(socket, "r");
      leave(socket);
      await until(2);
      expect(announced()[1]).toEqual(["room:left", user ?? null, id]);
    },
  );

  test("without a grace, who is cut off has left at once", async () => {
    const port = await startWithUsers({ grace: 0 });
    const { until, announced } = await watcher(port);
    const ann = await CUTS["a WebSocket that breaks"]!(port, "ann");
    ann.cut();
    await until(2);
    expect(announced()[1]).toEqual(["room:left", "ann", ann.id]);
  });
});

test("on several shards a user may come back on another, with nobody told", async () => {
  const program = startProgram("producers.mjs", [JSON.stringify({ presence: { grace: 2500 } })], {
    env: { NSELF_REALTIME_SHARDS: "4" },
  });
  const { port, shards } = (await program.messages.next("its port")) as { port: number; shards: number };
  expect(shards).toBe(4);
  const { until, announced, socket } = await watcher(port);
  const come = CUTS["a WebSocket that breaks"]!;
  // Each on the next shard.
  const first = await come(port, "ann");
  let ann = first;
  for (let i = 0; i < 4; i++) {
    ann.cut();
    // Its end has been seen before the next one asks to join.
    await settled(socket);
    ann = await come(port, "ann");
  }
  const bob = await come(port, "bob");
  await until(2);
  bob.cut();
  await until(3);
  expect(announced()).toEqual([
    ["room:joined", "ann", first.id],
    ["room:joined", "bob", bob.id],
    ["room:left", "bob", bob.id],
  ]);
});
