// Which rooms a client may join: the application's word, other sockets' own rooms, and how many.
import type { Socket } from "socket.io-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Attached, client, connected, event, join, MODES, settled, startAttached } from "./support/nself.js";

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe.each(Object.entries(MODES))("authorizeJoin over %s", (_, transports) => {
  test("decides about each room by who asks", async () => {
    running = await startAttached({
      authenticate: ({ auth }) => ({ userId: String(auth.name) }),
      authorizeJoin: async (socket, room) => room === `project-${socket.userId}`,
    });
    const ann = await connected(running.port, { transports, auth: { name: "ann" } });
    expect(await join(ann, "project-ann")).toEqual({ ok: true });
    expect(await join(ann, "project-bob")).toEqual({
      ok: false,
      code: "ERR_FORBIDDEN",
      error: 'you may not join room "project-bob"',
    });
    expect(running.server.getRoomMembers("project-bob")).toEqual([]);
    expect(running.server.getRoomMembers("project-ann")).toEqual([ann.id]);
    expect(running.server.stats().denied.join).toBe(1);
    // Without an ack the client hears of it as well.
    const error = event(ann, "error");
    ann.emit("join:room", { roomId: "project-bob" });
    expect((await error).data).toEqual({ code: "ERR_FORBIDDEN", error: 'you may not join room "project-bob"' });
  });
});

describe("authorizeJoin", () => {
  test("may take its time; nobody waits for it but who asked", async () => {
    const { open, opened } = gate();
    const asked: string[] = [];
    running = await startAttached({
      authorizeJoin: async (_socket, room) => {
        asked.push(room);
        if (room === "slow") await opened;
        return true;
      },
    });
    const socket = await connected(running.port);
    const slow = join(socket, "slow");
    expect(await join(socket, "fast")).toEqual({ ok: true });
    expect(running.server.getRoomMembers("slow")).toEqual([]);
    open();
    expect(await slow).toEqual({ ok: true });
    expect(asked).toEqual(["slow", "fast"]);
    // Who is in already is not asked about.
    expect(await join(socket, "slow")).toEqual({ ok: true });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["a throw", () => Promise.reject(new Error("the secret")), "authorization failed"],
    ["something that is not true", (() => "yes") as never, 'you may not join room "lobby"'],
    ["nothing", (() => undefined) as never, 'you may not join room "lobby"'],
  ])("refuses on %s", async (_, authorizeJoin, message) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    running = await startAttached({ authorizeJoin });
    const socket = await connected(running.port);
    expect(await join(socket, "lobby")).toEqual({ ok: false, code: "ERR_FORBIDDEN", error: message });
    expect(log.mock.calls.length > 0).toBe(message === "authorization failed");
    log.mockRestore();
  });

  test("a room that was left while it was asked about is not joined", async () => {
    const { open, opened } = gate();
    running = await startAttached({ authorizeJoin: () => opened.then(() => true) });
    const socket = await connected(running.port);
    const joining = join(socket, "lobby");
    expect(await socket.emitWithAck("leave:room", { roomId: "lobby" })).toEqual({ ok: true });
    expect(await joining).toMatchObject({ ok: false, code: "ERR_ROOM_LEFT" });
    open();
    expect(await join(socket, "other")).toEqual({ ok: true });
    expect(running.server.getRoomMembers("lobby")).toEqual([]);
  });

  test("a throw at once refuses, too", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    running = await startAttached({
      authorizeJoin: () => {
        throw new Error("the secret");
      },
    });
    const socket = await connected(running.port);
    expect(await join(socket, "lobby")).toEqual({ ok: false, code: "ERR_FORBIDDEN", error: "authorization failed" });
    expect(log).toHaveBeenCalledTimes(1);
    log.mockRestore();
  });

  test("no answer within ten seconds refuses; one that comes then lets nobody in", async () => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({
      authorizeJoin: async () => {
        ask();
        await opened;
        return true;
      },
    });
    const socket = await connected(running.port);
    const started = performance.now();
    const answer = socket.emitWithAck("join:room", { roomId: "lobby" });
    await asking;
    expect(await answer).toEqual({ ok: false, code: "ERR_FORBIDDEN", error: "authorization timed out" });
    expect(performance.now() - started).toBeGreaterThan(9_900);
    open();
    await settled(socket);
    expect(running.server.getRoomMembers("lobby")).toEqual([]);
  });

  test.each([
    ["left", (socket: Socket) => void socket.disconnect()],
    ["broke off", (socket: Socket) => socket.io.engine.close()],
  ])("an answer about a client that has %s meanwhile joins nobody, not even who came after it", async (_, leave) => {
    const { open, opened } = gate();
    const { open: ask, opened: asking } = gate();
    running = await startAttached({
      authorizeJoin: async (_socket, room) => {
        if (room !== "slow") return true;
        ask();
        await opened;
        return true;
      },
    });
    const { port, server } = running;
    const gone = await connected(port);
    gone.emit("join:room", { roomId: "slow" });
    await asking;
    leave(gone);
    await vi.waitFor(() => expect(server.getPresence()).toEqual([]));
    const next = await connected(port);
    expect(await join(next, "fast")).toEqual({ ok: true });
    open();
    await settled(next);
    expect(server.getRoomMembers("slow")).toEqual([]);
    expect(server.getPresence().map(({ rooms }) => rooms)).toEqual([["fast"]]);
  });

  test("the server joins whom it likes", async () => {
    running = await startAttached({ authorizeJoin: () => false });
    const joined = new Promise<void>((resolve) => {
      running!.server.getIO().on("connection", (socket) => {
        socket.join("chosen");
        resolve();
      });
    });
    const socket = await connected(running.port);
    await joined;
    expect(running.server.getRoomMembers("chosen")).toEqual([socket.id]);
  });

  test("without it rooms are open, and their names are checked", async () => {
    running = await startAttached();
    const socket = await connected(running.port);
    expect(await join(socket, "logs:all")).toEqual({ ok: true });
    for (const name of ["", "a b", "a/b", "ü", "x".repeat(129), 7, null, { a: 1 }]) {
      expect(await join(socket, name)).toMatchObject({ ok: false, code: "ERR_INVALID_ROOM" });
    }
  });
});

describe("another socket's own room", () => {
  test("cannot be joined by a client, not even when that socket is gone", async () => {
    running = await startAttached();
    const [victim, thief] = [await connected(running.port), await connected(running.port)];
    const id = victim.id!;
    const refused = { ok: false, code: "ERR_FORBIDDEN", error: "this room is another socket's own" };
    expect(await join(thief, id)).toEqual(refused);
    const got: unknown[] = [];
    thief.on("secret", (value) => got.push(value));
    const received = event(victim, "secret");
    running.server.getIO().to(id).emit("secret", 1);
    expect(await received).toBe(1);
    victim.disconnect();
    await vi.waitFor(() => expect(running!.server.getPresence()).toHaveLength(1));
    expect(await join(thief, id)).toEqual(refused);
    running.server.emitToSocket(id, "secret", 2);
    // Other spellings are other rooms, or none.
    const swapped = [...id].map((char) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()));
    for (const name of [swapped.join(""), id.toLowerCase(), `${id}.`, `.${id}`, `${id}-`, `:${id}`, id.slice(0, -1)]) {
      if (name !== id) expect([name, await join(thief, name)]).toEqual([name, { ok: true }]);
    }
    for (const name of [`${id} `, `${id}\0`, `${id}\n`, `${id}/`, [id], `${id}\u200b`]) {
      expect(await join(thief, name)).toMatchObject({ ok: false });
    }
    running.server.emitToSocket(id, "secret", 3);
    // Its own it has anyway, and a name of the same length is a name.
    expect(await join(thief, thief.id)).toEqual({ ok: true });
    expect(await join(thief, "document-12345678901")).toEqual({ ok: true });
    expect(got).toEqual([]);
  });
});

describe("rooms have bounds", () => {
  test("of one socket", async () => {
    running = await startAttached({ maxRoomsPerSocket: 3 });
    const socket = await connected(running.port);
    for (const room of ["a", "b", "c"]) expect(await join(socket, room)).toEqual({ ok: true });
    expect(await join(socket, "d")).toEqual({
      ok: false,
      code: "ERR_TOO_MANY_ROOMS",
      error: "a socket may join 3 rooms at most",
    });
    expect(await join(socket, "a")).toEqual({ ok: true });
    await socket.emitWithAck("leave:room", { roomId: "a" });
    expect(await join(socket, "d")).toEqual({ ok: true });
    expect(running.server.stats().denied.rooms).toBe(1);
  });

  test("of one socket: those that are asked about count", async () => {
    const { open, opened } = gate();
    running = await startAttached({ maxRoomsPerSocket: 2, authorizeJoin: () => opened.then(() => true) });
    const socket = await connected(running.port);
    const waiting = ["a", "b"].map((room) => join(socket, room));
    expect(await join(socket, "c")).toMatchObject({ ok: false, code: "ERR_TOO_MANY_ROOMS" });
    open();
    expect(await Promise.all(waiting)).toEqual([{ ok: true }, { ok: true }]);
  });

  test("of the server: no new ones, the others stay open", async () => {
    running = await startAttached({ maxRooms: 2 });
    const [one, two] = [await connected(running.port), await connected(running.port)];
    expect(await join(one, "a")).toEqual({ ok: true });
    expect(await join(one, "b")).toEqual({ ok: true });
    expect(await join(two, "c")).toEqual({
      ok: false,
      code: "ERR_TOO_MANY_ROOMS",
      error: "the server has too many rooms",
    });
    one.disconnect();
    await vi.waitFor(async () => expect(await join(two, "c")).toEqual({ ok: true }));
  });

  test("of the server: those that were asked about meanwhile count", async () => {
    const { open, opened } = gate();
    running = await startAttached({ maxRooms: 2, authorizeJoin: () => opened.then(() => true) });
    const sockets = [await connected(running.port), await connected(running.port)];
    const asked = sockets.flatMap((socket, i) => [0, 1, 2].map((j) => join(socket, `room-${i}-${j}`)));
    const shared = sockets.map((socket) => join(socket, "room-0-0"));
    open();
    const answers = await Promise.all(asked);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(2);
    expect(answers.filter((answer) => !answer.ok && answer.code === "ERR_TOO_MANY_ROOMS")).toHaveLength(4);
    expect(running.server.stats().rooms).toBe(2);
    await Promise.all(shared);
  });

  test("a client that is refused goes on as before", async () => {
    running = await startAttached({ maxRoomsPerSocket: 1 });
    const socket = client(running.port);
    await event(socket, "connect");
    for (let i = 0; i < 50; i++) await join(socket, `room-${i}`);
    expect(socket.connected).toBe(true);
    expect(running.server.stats().rooms).toBe(1);
  });
});
