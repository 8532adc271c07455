// Rooms to look at, and the events of the adapter, beside the official server.
import { afterEach, describe, expect, test, vi } from "vitest";
import { closeClients, connected } from "./support/nself.js";
import { kinds, type RunningServer, startOurs, startServer } from "./support/servers.js";

vi.setConfig({ testTimeout: 60_000 });

const path = "/socket.io";
let running: RunningServer;
afterEach(async () => {
  closeClients();
  await running.close();
});

describe.each(kinds)("%s", (kind) => {
  test("adapter.rooms and adapter.sids are what they are at each look", async () => {
    running = await startServer(kind);
    const { rooms, sids } = running.io.of("/").adapter;
    expect([rooms.size, sids.size, [...rooms]]).toEqual([0, 0, []]);
    const [a, b] = [await connected(running.port, { path }), await connected(running.port, { path })];
    const [ann, bob] = [a.id as string, b.id as string];
    running.io.socketsJoin("all");
    running.io.in(ann).socketsJoin("ann's");
    await vi.waitFor(() => expect(rooms.get("all")?.size).toBe(2));
    expect([...rooms.keys()].sort()).toEqual([ann, bob, "all", "ann's"].sort());
    expect([rooms.size, rooms.has("all"), rooms.has("none"), rooms.get("none")]).toEqual([4, true, false, undefined]);
    expect([...(rooms.get("ann's") ?? [])]).toEqual([ann]);
    expect(rooms.get(bob)?.has(bob)).toBe(true);
    expect([...(sids.get(ann) ?? [])].sort()).toEqual([ann, "all", "ann's"].sort());
    expect([sids.size, sids.has(bob), sids.has("all")]).toEqual([2, true, false]);
    expect([...sids].map(([id, names]) => [id, names.size]).sort()).toEqual(
      [
        [ann, 3],
        [bob, 2],
      ].sort(),
    );
    const seen: unknown[] = [];
    rooms.forEach((members, room) => {
      if (room === "all") seen.push(members.size);
    });
    expect(seen).toEqual([2]);
    // A set that was taken from it stays live.
    const all = rooms.get("all");
    running.io.in(bob).socketsLeave("all");
    await vi.waitFor(() => expect([...(all ?? [])]).toEqual([ann]));
    expect([...(running.io.of("/").adapter.socketRooms(bob) ?? [])]).toEqual([bob]);
    expect(running.io.of("/").adapter.socketRooms("nobody")).toBeUndefined();
    expect([...(await running.io.of("/").adapter.sockets(new Set(["all"])))]).toEqual([ann]);
    a.disconnect();
    await vi.waitFor(() => expect([...rooms.keys()]).toEqual([bob]));
  });

  test("socket.rooms is a live set", async () => {
    const seen: unknown[] = [];
    running = await startServer(kind, {}, (io) => {
      io.on("connection", async (socket) => {
        const { rooms } = socket;
        expect(rooms).toBeInstanceOf(Set);
        seen.push([rooms.size, rooms.has(socket.id), [...rooms][0] === socket.id]);
        await socket.join(["a", "b"]);
        seen.push([rooms.size, rooms.has("a"), [...rooms].slice(1)]);
        await socket.leave("a");
        seen.push([rooms.has("a"), new Set(rooms).size, JSON.stringify(Array.from(rooms).slice(1))]);
        expect(rooms).toEqual(new Set([socket.id, "b"]));
        const listed: string[] = [];
        rooms.forEach((room) => {
          listed.push(room);
        });
        seen.push(listed.slice(1));
        socket.on("disconnecting", () => seen.push([...socket.rooms].slice(1)));
        socket.on("disconnect", () => seen.push(socket.rooms.size));
      });
    });
    const socket = await connected(running.port, { path });
    await vi.waitFor(() => expect(seen.length).toBe(4));
    socket.disconnect();
    await vi.waitFor(() =>
      expect(seen).toEqual([[1, true, true], [3, true, ["a", "b"]], [false, 2, '["b"]'], ["b"], ["b"], 0]),
    );
  });

  test("the adapter tells of rooms and of who comes and goes, from when somebody listens", async () => {
    running = await startServer(kind);
    const { adapter } = running.io.of("/");
    const ann = await connected(running.port, { path });
    running.io.socketsJoin("before");
    await vi.waitFor(() => expect(adapter.rooms.get("before")?.size).toBe(1));
    const seen: unknown[][] = [];
    for (const name of ["create-room", "join-room", "leave-room", "delete-room"]) {
      adapter.on(name, (room: string, id?: string) => seen.push(id === undefined ? [name, room] : [name, room, id]));
    }
    const bob = await connected(running.port, { path });
    const [a, b] = [ann.id as string, bob.id as string];
    // They may be on different shards, which go at their own pace.
    const { rooms } = adapter;
    running.io.in(b).socketsJoin(["before", "new"]);
    await vi.waitFor(() => expect([rooms.get("before")?.size, rooms.get("new")?.size]).toEqual([2, 1]));
    running.io.in(a).socketsJoin("new");
    running.io.in(a).socketsLeave("before");
    await vi.waitFor(() => expect([rooms.get("before")?.size, rooms.get("new")?.size]).toEqual([1, 2]));
    running.io.in(b).socketsLeave("before");
    await vi.waitFor(() => expect(rooms.has("before")).toBe(false));
    bob.disconnect();
    const expected = [
      ...[
        ["create-room", b],
        ["join-room", b, b],
      ],
      ...[
        ["join-room", "before", b],
        ["create-room", "new"],
        ["join-room", "new", b],
      ],
      ["join-room", "new", a],
      ["leave-room", "before", a],
      ...[
        ["leave-room", "before", b],
        ["delete-room", "before"],
      ],
      ...[
        ["leave-room", b, b],
        ["delete-room", b],
        ["leave-room", "new", b],
      ],
    ];
    await vi.waitFor(() => expect(seen.length, JSON.stringify(seen)).toBe(expected.length), 5000);
    // Of different sockets the order is theirs.
    const sorted = (events: unknown[][]) => events.map((event) => event.join(" ")).sort();
    expect(sorted(seen)).toEqual(sorted(expected));
    const order = (...names: string[]) => names.map((name) => seen.findIndex((event) => event.join(" ") === name));
    const isSorted = (places: number[]) => places.every((place, at) => at === 0 || place > (places[at - 1] as number));
    expect(isSorted(order("create-room new", `join-room new ${b}`))).toBe(true);
    expect(isSorted(order(`leave-room before ${a}`, "delete-room before"))).toBe(true);
    expect(isSorted(order(`create-room ${b}`, `join-room ${b} ${b}`, `leave-room ${b} ${b}`, `delete-room ${b}`))).toBe(
      true,
    );
    adapter.removeAllListeners();
    await connected(running.port, { path });
    expect(seen.length).toBe(expected.length);
    const joined = new Promise((resolve) => adapter.once("join-room", (...args) => resolve(args)));
    const last = await connected(running.port, { path });
    expect(await joined).toEqual([last.id, last.id]);
  });
});

test("what another adapter would implement is refused by name, and other adapters with what to use", async () => {
  running = await startOurs();
  const { io } = running;
  const unsupported = (part: string) =>
    expect.objectContaining({ code: "ERR_UNSUPPORTED", message: expect.stringContaining(part) });
  const adapter = io.of("/").adapter as unknown as Record<string, () => unknown>;
  for (const name of ["broadcast", "broadcastWithAck", "addAll", "del", "delAll", "persistSession", "restoreSession"]) {
    expect(() => adapter[name]?.(), name).toThrow(unsupported(`adapter.${name}`));
  }
  const createAdapter = () => class {};
  expect(() => io.adapter(createAdapter as never)).toThrow(unsupported("nself-realtime/cluster"));
  await expect(startOurs({ adapter: createAdapter as never })).rejects.toThrow("nself-realtime/cluster");
  const rooms = io.of("/").adapter.rooms as Map<string, Set<string>>;
  expect(() => rooms.set("r", new Set())).toThrow(unsupported("use join and leave"));
});
