// Who comes back to a session gets no room, no event and no id that a client which comes anew would not get.
import type { Socket } from "socket.io-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RealtimeOptions } from "../ts/server/index.js";
import { type Attached, client, connected, event, join, realtime, settled, startAttached } from "./support/nself.js";
import { back, cut } from "./support/returning.js";

vi.setConfig({ testTimeout: 20_000 });

let running: Attached;
afterEach(() => running.close());

const key = "the first key, of 32 bytes at least";
const connectionStateRecovery = { maxDisconnectionDuration: 60_000 };

async function start(options: RealtimeOptions): Promise<void> {
  running = await startAttached({ connectionStateRecovery, ...options });
}

/** A client in rooms, which has got an event and so can say what it has. `words`: what it is told from now on. */
async function member(auth: object, ...rooms: string[]): Promise<{ socket: Socket; words: string[] }> {
  const socket = await connected(running.port, { auth });
  for (const room of rooms) expect(await join(socket, room)).toEqual({ ok: true });
  const words: string[] = [];
  socket.on("word", (word: string) => words.push(word));
  const first = event(socket, "word");
  running.server.getIO().to(socket.id!).emit("word", "first");
  await first;
  return { socket, words };
}

/** Says what a room's members hear, and everybody. */
function say(word: string, room?: string): void {
  const io = running.server.getIO();
  (room === undefined ? io : io.to(room)).emit("word", word);
}

test("a ticket that names fewer rooms by now", async () => {
  await start({ tickets: { keys: [key] } });
  const ticket = (...rooms: string[]) => ({
    ticket: realtime.createTicket({ userId: "ann", rooms, expiresIn: 60_000 }),
  });
  const { socket, words } = await member(ticket("lobby", "secret"), "lobby", "secret");
  await cut(running, socket);
  say("for the secret room", "secret");
  const told = event(socket, "error");
  await back(socket, ticket("lobby"));
  say("for the secret room too", "secret");
  say("for all");
  await settled(socket);
  expect(words.filter((word) => word.includes("secret"))).toEqual([]);
  expect(words).toContain("for all");
  expect(running.server.getRoomMembers("secret")).toEqual([]);
  expect(running.server.getRoomMembers("lobby")).toEqual([socket.id]);
  expect((await told).data).toMatchObject({ code: "ERR_FORBIDDEN", room: "secret" });
});

test("authorizeJoin that says no by now", async () => {
  let may = true;
  await start({
    authenticate: () => ({ userId: "ann" }),
    authorizeJoin: (_socket, roomId) => may || roomId !== "secret",
  });
  const { socket, words } = await member({}, "lobby", "secret");
  await cut(running, socket);
  say("for the secret room", "secret");
  may = false;
  await back(socket);
  say("for the secret room too", "secret");
  say("for the lobby", "lobby");
  say("for all");
  await settled(socket);
  expect(words.filter((word) => word.includes("secret"))).toEqual([]);
  expect(words).toContain("for all");
  expect(running.server.getRoomMembers("secret")).toEqual([]);
  // A session that cannot be given back has no rooms at all.
  if (socket.recovered) expect(running.server.getRoomMembers("lobby")).toEqual([socket.id]);
});

test.each([
  ["io.in(room).socketsLeave(room)", () => running.server.getIO().in("r").socketsLeave("r")],
  ["io.socketsLeave(room)", () => running.server.getIO().socketsLeave("r")],
  ["io.in(id).socketsLeave(room)", (id: string) => running.server.getIO().in(id).socketsLeave("r")],
])("everybody put out of a room meanwhile, by %s", async (_, put) => {
  await start({});
  const { socket, words } = await member({}, "r", "other");
  const { id } = socket;
  await cut(running, socket);
  say("before", "r");
  put(id!);
  say("after", "r");
  await back(socket);
  say("much later", "r");
  say("for the other", "other");
  await settled(socket);
  expect([socket.recovered, socket.id]).toEqual([true, id]);
  expect(words).toEqual(["first", "before", "for the other"]);
  expect(running.server.getRoomMembers("r")).toEqual([]);
});

test("put out of a room for good: the client is not in it when it comes back a second time", async () => {
  await start({});
  const { socket, words } = await member({}, "r");
  await cut(running, socket);
  running.server.getIO().in("r").socketsLeave("r");
  await back(socket);
  await cut(running, socket);
  say("after", "r");
  await back(socket);
  await settled(socket);
  expect(socket.recovered).toBe(true);
  expect(words).toEqual(["first"]);
});

describe.each([
  ["disconnectUser", () => running.server.disconnectUser("ann")],
  ["disconnectSession", () => running.server.disconnectSession("s")],
  ["disconnectSockets of everybody", () => running.server.getIO().disconnectSockets(true)],
  ["disconnectSockets by the id", (id: string) => running.server.getIO().in(id).disconnectSockets()],
])("%s while a client is away", (_, end) => {
  test("its session is over", async () => {
    await start({ authenticate: () => ({ userId: "ann", session: "s" }) });
    const { socket, words } = await member({}, "r");
    const { id } = socket;
    await cut(running, socket);
    end(id!);
    say("after the logout", "r");
    say("after the logout");
    await back(socket);
    await settled(socket);
    expect(socket.recovered).toBe(false);
    expect(socket.id).not.toBe(id);
    expect(words).toEqual(["first"]);
    expect(running.server.getRoomMembers("r")).toEqual([]);
  });
});

test("a logout while a client with a ticket is away", async () => {
  await start({ tickets: { keys: [key] } });
  const auth = { ticket: realtime.createTicket({ userId: "ann", expiresIn: 60_000 }) };
  const { socket, words } = await member(auth, "r");
  await cut(running, socket);
  running.server.disconnectUser("ann");
  say("after the logout", "r");
  await back(socket, auth);
  await settled(socket);
  expect([socket.recovered, words]).toEqual([false, ["first"]]);
});

test("a session that expired meanwhile", async () => {
  let expiresAt = Date.now() + 5000;
  await start({ authenticate: () => ({ userId: "ann", expiresAt }) });
  const { socket, words } = await member({}, "r");
  await cut(running, socket);
  say("within the session", "r");
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAt));
  expiresAt = Date.now() + 60_000;
  await back(socket);
  await settled(socket);
  expect([socket.recovered, words]).toEqual([false, ["first"]]);
});

describe.each([
  ["is away", true],
  ["is here", false],
])("somebody else with the pid of one who %s", (_, isAway) => {
  test.each([
    ["with a position", true],
    ["without", false],
  ])("%s", async (_, withOffset) => {
    await start({ authenticate: ({ auth }) => (auth.user ? { userId: String(auth.user) } : null) });
    const { socket: ann, words } = await member({ user: "ann" }, "r");
    const { id } = ann;
    const { _pid: pid, _lastOffset: offset } = ann as unknown as { _pid: string; _lastOffset: string };
    if (isAway) await cut(running, ann);
    say("for ann", id);
    const bob = client(running.port, { auth: { user: "bob", pid, ...(withOffset ? { offset } : {}) } });
    const heard: string[] = [];
    bob.on("word", (word: string) => heard.push(word));
    await event(bob, "connect");
    say("for ann too", id);
    say("for the room", "r");
    await settled(bob);
    expect(heard).toEqual([]);
    expect(bob.id).not.toBe(id);
    expect(running.server.getRoomMembers("r")).not.toContain(bob.id);
    if (isAway) await back(ann, { user: "ann" });
    await settled(ann);
    expect([ann.id, words]).toEqual([id, ["first", "for ann", "for ann too", "for the room"]]);
  });
});
