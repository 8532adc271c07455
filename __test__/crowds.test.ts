// Rooms of hundreds: who comes and goes is told together, and the numbers are right.
import type { Socket } from "socket.io-client";
import { afterEach, expect, test, vi } from "vitest";
import { type Attached, connected, join, settled, startAttached } from "./support/nself.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const MEMBERS = 300;

interface Members {
  room: string;
  count: number;
  joined: unknown[];
  left: unknown[];
}

/** All that a client hears of who comes and goes, and when it was first heard of. */
function watch(socket: Socket) {
  const heard = { members: [] as Members[], joined: 0, left: 0, since: Date.now() };
  socket.on("room:joined", () => heard.joined++);
  socket.on("room:left", () => heard.left++);
  socket.on("room:members", ({ data }: { data: Members }) => heard.members.push(data));
  return heard;
}

/** How many such events there may be by now: at most one a second, and one that was due. */
const most = (since: number) => Math.ceil((Date.now() - since) / 1000) + 1;

test("a room of 300", async () => {
  running = await startAttached({ rateLimit: false });
  const { server, port } = running;
  const first = await connected(port);
  const heard = watch(first);
  await join(first, "r");
  const others = await Promise.all(Array.from({ length: MEMBERS - 1 }, () => connected(port)));
  await Promise.all(others.map((socket) => join(socket, "r")));
  expect(server.getRoomMembers("r").length).toBe(MEMBERS);
  expect(server.getPresence().filter(({ rooms }) => rooms.includes("r")).length).toBe(MEMBERS);
  await vi.waitFor(() => expect(heard.members.at(-1)?.count).toBe(MEMBERS), 20_000);
  expect(heard.joined).toBeLessThanOrEqual(100);
  expect(heard.members.length).toBeLessThanOrEqual(most(heard.since));

  // Somebody comes and goes all the time.
  const [restless, ...rest] = others;
  const again = watch(first);
  for (let n = 0; n < 50; n++) {
    await restless!.emitWithAck("leave:room", { roomId: "r" });
    await join(restless!, "r");
  }
  await settled(first);
  expect([again.joined, again.left]).toEqual([0, 0]);
  expect(again.members.length).toBeLessThanOrEqual(most(again.since));

  for (const socket of rest.slice(0, 100)) socket.disconnect();
  await vi.waitFor(() => expect(server.getRoomMembers("r").length).toBe(MEMBERS - 100), 20_000);
  await vi.waitFor(() => expect(heard.members.at(-1)?.count).toBe(MEMBERS - 100), 20_000);
  for (const { room, joined, left } of heard.members) {
    expect(room).toBe("r");
    expect(Math.max(joined.length, left.length)).toBeLessThanOrEqual(100);
  }
});
