// whileWatched(): producers run while somebody is in their room, and only then.
import type { Socket } from "socket.io-client";
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, start as startProgram } from "./support/child.js";
import {
  type Attached,
  client,
  closeClients,
  connected,
  event,
  join,
  realtime,
  settled,
  startAttached,
  warningsOf,
} from "./support/nself.js";
import { TRANSPORTS } from "./support/reader.js";
import * as samples from "./support/samples.js";

const server = realtime.getWebSocketServer();

let running: Attached | undefined;
const removers: Array<() => void> = [];
afterEach(async () => {
  for (const remove of removers.splice(0)) remove();
  closeClients();
  endChildren();
  await running?.close();
  running = undefined;
});

async function start(options: Parameters<typeof startAttached>[0] = {}): Promise<number> {
  running = await startAttached(options);
  return running.port;
}

/** A producer that writes down what is asked of it. */
function producer(rooms: string | RegExp, name = "") {
  const log: string[] = [];
  const produce = (room: string) => {
    log.push(`start ${name}${room}`);
    return () => void log.push(`stop ${name}${room}`);
  };
  const remove = server.whileWatched(rooms, produce, { name });
  removers.push(remove);
  const until = (...lines: string[]) => vi.waitFor(() => expect(log).toEqual(lines), { interval: 5 });
  return { log, remove, until };
}

test.each(TRANSPORTS)("runs from the first member to the last, and ends after the grace (%s)", async (transport) => {
  const grace = 300;
  const port = await start({ presence: { grace } });
  const { log, until } = producer("logs:api");
  const sockets = [
    await connected(port, { transports: [transport] }),
    await connected(port, { transports: [transport] }),
  ] as const;
  await join(sockets[0], "logs:db");
  await join(sockets[0], "logs:api");
  await until("start logs:api");
  await join(sockets[1], "logs:api");
  expect(await sockets[0].emitWithAck("leave:room", { roomId: "logs:api" })).toEqual({ ok: true });
  await settled(sockets[1]);
  expect(log).toEqual(["start logs:api"]);
  const left = Date.now();
  sockets[1].disconnect();
  await until("start logs:api", "stop logs:api");
  expect(Date.now() - left).toBeGreaterThanOrEqual(grace - 5);
  // And again.
  await join(sockets[0], "logs:api");
  await until("start logs:api", "stop logs:api", "start logs:api");
});

test.each([
  ["a user", true],
  ["somebody anonymous", false],
])("a reload by %s within the grace restarts nothing", async (_, users) => {
  const port = await start({
    presence: { grace: 2000 },
    ...(users ? { authenticate: ({ auth }) => ({ userId: (auth as { user: string }).user }) } : {}),
  });
  const { until } = producer("*");
  const auth = { user: "ann" };
  const before = await connected(port, { auth });
  await join(before, "logs:api");
  before.io.engine.close();
  await vi.waitFor(() => expect(server.getRoomMembers("logs:api")).toEqual([]), { interval: 5 });
  await join(await connected(port, { auth }), "logs:api");
  // This one is empty later than that was, so its grace is over with this one's.
  const marker = await connected(port, { auth });
  await join(marker, "marker");
  marker.disconnect();
  await until("start logs:api", "start marker", "stop marker");
});

test("rooms are a name, a prefix or a regular expression; several producers may run for one", async () => {
  const port = await start();
  const [name, prefix, all, pattern] = [
    producer("logs:api", "a "),
    producer("logs:*", "b "),
    producer("*", "c "),
    producer(/^(logs|db):\w+$/, "d "),
  ];
  const socket = await connected(port);
  const rooms = ["logs:api", "logs:api:2", "logs", "db:1", "db:2", "db:3"];
  for (const room of rooms) await join(socket, room);
  await all.until(...rooms.map((room) => `start c ${room}`));
  expect(name.log).toEqual(["start a logs:api"]);
  expect(prefix.log).toEqual(["start b logs:api", "start b logs:api:2"]);
  expect(pattern.log).toEqual(["logs:api", "db:1", "db:2", "db:3"].map((room) => `start d ${room}`));
});

test.each([/^db:/g, /db:/y])("a pattern may have a flag that makes it remember where it was: %s", async (pattern) => {
  const port = await start();
  const [{ log }, all] = [producer(pattern), producer("*")];
  const socket = await connected(port);
  const rooms = ["db:1", "db:2", "db:3"].map((room) => `start ${room}`);
  for (const room of ["db:1", "db:2", "db:3"]) await join(socket, room);
  await all.until(...rooms);
  expect(log).toEqual(rooms);
});

test("what a producer emits as it begins reaches the member who made it begin", async () => {
  const port = await start();
  removers.push(server.whileWatched("logs:*", (room) => realtime.emitLogStream(samples.log("first"), room)));
  const socket = await connected(port);
  const line = event(socket, "logs:stream");
  await join(socket, "logs:api");
  expect((await line).data.line).toBe("first");
});

test("it may come before the server, or when its room has members already; removed, it ends and begins no more", async () => {
  const early = producer("logs:*", "early ");
  const port = await start();
  const socket = await connected(port);
  await join(socket, "logs:api");
  await early.until("start early logs:api");
  const late = producer("logs:*", "late ");
  await late.until("start late logs:api");
  early.remove();
  await early.until("start early logs:api", "stop early logs:api");
  await join(socket, "logs:db");
  await late.until("start late logs:api", "start late logs:db");
  early.remove();
  expect(early.log).toEqual(["start early logs:api", "stop early logs:api"]);
});

test("a second call for the same rooms and name takes the place of the first, as hot reloading and other bundles call again", async () => {
  const port = await start();
  const socket = await connected(port);
  const log: string[] = [];
  const add = (rooms: string | RegExp, version: number, name?: string) => {
    const produce = (room: string) => {
      log.push(`start ${version} ${room}`);
      return () => void log.push(`stop ${version} ${room}`);
    };
    const remove = server.whileWatched(rooms, produce, name === undefined ? {} : { name });
    removers.push(remove);
    return remove;
  };
  const removeFirst = add("logs:*", 1);
  await join(socket, "logs:api");
  await vi.waitFor(() => expect(log).toEqual(["start 1 logs:api"]));
  add("logs:*", 2);
  add("logs:*", 3);
  await vi.waitFor(() =>
    expect([...log].sort()).toEqual([
      "start 1 logs:api",
      "start 2 logs:api",
      "start 3 logs:api",
      "stop 1 logs:api",
      "stop 2 logs:api",
    ]),
  );
  const [warning] = await warningsOf(() => removers.push(server.whileWatched("logs:*", () => "another")));
  expect(warning).toMatchObject({ code: "NSELF_PRODUCER_REPLACED", message: expect.stringContaining("logs:*") });
  add("logs:*", 3);
  // What the first call returned has nothing to take back any more.
  removeFirst();
  log.splice(0);
  await join(socket, "logs:db");
  await vi.waitFor(() => expect(log).toEqual(["start 3 logs:db"]));
  // Others: another name, and an expression that reads like the text.
  add("db", 4, "rows");
  add("db", 5, "locks");
  add(/db/, 6);
  log.splice(0);
  await join(socket, "db");
  await vi.waitFor(() => expect(log).toEqual(["start 4 db", "start 5 db", "start 6 db"]));
});

test.each<[string, unknown[]]>([
  ["a symbol for the rooms", [Symbol("logs"), () => {}]],
  ["no rooms", [undefined, () => {}]],
  ["an empty name of a room", ["", () => {}]],
  ["no producer", ["logs:*", undefined]],
  ["a name that is none", ["logs:*", () => {}, { name: 7 }]],
])("%s is refused by the call", (_, args) => {
  expect(() => (server.whileWatched as (...args: unknown[]) => unknown).apply(server, args)).toThrow(
    expect.objectContaining({ name: "RealtimeError", code: "ERR_INVALID_ARGUMENT" }),
  );
});

test("one that comes as the first, when its room has members already, begins, too", async () => {
  const port = await start();
  const socket = await connected(port);
  await join(socket, "logs:api");
  await producer("logs:*").until("start logs:api");
});

test("the server's own joins count; a socket's own room and other namespaces do not", async () => {
  const port = await start();
  server
    .getIO()
    .of("/other")
    .on("connection", (socket) => void socket.join("elsewhere"));
  const { until } = producer("*");
  const other = client(`http://127.0.0.1:${port}/other`);
  await event(other, "connect");
  const socket = await connected(port);
  server.getIO().in(socket.id!).socketsJoin("by-the-server");
  await until("start by-the-server");
});

test("shutdown() ends what runs, and the next server begins again", async () => {
  const port = await start();
  const { until } = producer("logs:*");
  await join(await connected(port), "logs:api");
  await until("start logs:api");
  await running!.close();
  await until("start logs:api", "stop logs:api");
  await join(await connected(await start()), "logs:api");
  await until("start logs:api", "stop logs:api", "start logs:api");
});

test("a producer may take its time to begin: it ends when it has begun, once, if nobody is there any more", async () => {
  const port = await start({ presence: { grace: 0 } });
  const log: string[] = [];
  let begin = () => {};
  removers.push(
    server.whileWatched("logs:*", async (room) => {
      log.push("start");
      await new Promise<void>((resolve) => {
        begin = resolve;
      });
      log.push("begun");
      return async () => void log.push(`stop ${room}`);
    }),
  );
  const socket = await connected(port);
  await join(socket, "logs:api");
  await vi.waitFor(() => expect(log).toEqual(["start"]));
  // Another room's end tells that this one's has come through, too.
  const { until } = producer("marker");
  await join(socket, "marker");
  socket.disconnect();
  await until("start marker", "stop marker");
  expect(log).toEqual(["start"]);
  begin();
  await vi.waitFor(() => expect(log).toEqual(["start", "begun", "stop logs:api"]));
});

test("one that fails to begin or to end is warned of, and begins anew the next time", async () => {
  const port = await start({ presence: { grace: 0 } });
  const warnings: string[] = [];
  const listener = (warning: Error & { code?: string }) => {
    if (warning.code === "NSELF_PRODUCER") warnings.push(warning.message);
  };
  process.on("warning", listener);
  removers.push(() => process.off("warning", listener));
  const begun: string[] = [];
  removers.push(
    server.whileWatched("*", (room) => {
      begun.push(room);
      if (room === "throws") throw new Error("no such log");
      if (room === "rejects") return Promise.reject(new Error("no such container"));
      return () => {
        throw new Error("cannot stop");
      };
    }),
  );
  const socket = await connected(port);
  const rooms = ["throws", "rejects", "stops"];
  for (const room of rooms) await join(socket, room);
  await vi.waitFor(() => expect(begun).toEqual(rooms));
  for (const roomId of rooms) await socket.emitWithAck("leave:room", { roomId });
  await vi.waitFor(() => expect(warnings).toHaveLength(3));
  expect(warnings.map((text) => /room "(\w+)" failed to (\w+): (.*)/.exec(text)?.slice(1))).toEqual([
    ["throws", "start", "no such log"],
    ["rejects", "start", "no such container"],
    ["stops", "stop", "cannot stop"],
  ]);
  for (const room of rooms) await join(socket, room);
  await vi.waitFor(() => expect(begun).toEqual([...rooms, ...rooms]));
});

test("on several shards a room has one first and one last member, and a reload may come back on another", async () => {
  const grace = 2500;
  const program = startProgram("producers.mjs", [JSON.stringify({ presence: { grace } })], {
    env: { NSELF_REALTIME_SHARDS: "4" },
  });
  const { port, shards } = (await program.messages.next("its port")) as { port: number; shards: number };
  expect(shards).toBe(4);
  const said = () => program.messages.next("what its producer does");
  const come = async (user: string, room: string) => {
    const socket = await connected(port, { auth: { user } });
    await join(socket, room);
    return socket;
  };

  // Each on the next shard.
  const crowd: Socket[] = [];
  for (let i = 0; i < 8; i++) crowd.push(await come(`user-${i}`, "logs:api"));
  expect(await said()).toEqual({ started: "logs:api" });

  // All are cut off, and some come back, on whatever shard's turn it is; the room is empty in between.
  for (const socket of crowd) socket.io.engine.close();
  const again: Socket[] = [];
  for (let i = 0; i < 3; i++) again.push(await come(`user-${i + 1}`, "logs:api"));
  for (const socket of again) socket.disconnect();
  const left = Date.now();
  expect(await said()).toEqual({ stopped: "logs:api" });
  expect(Date.now() - left).toBeGreaterThanOrEqual(grace - 5);

  // Nothing else was said: a later room's messages are the next.
  (await come("late", "marker:1")).disconnect();
  expect([await said(), await said()]).toEqual([{ started: "marker:1" }, { stopped: "marker:1" }]);
});
