// Bounds and costs: rooms, descriptors, batches, leaving.
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, start, startServerProgram } from "./support/child.js";
import { type Attached, closeClients, connected, event, join, startAttached } from "./support/nself.js";
import { WebSocketSession } from "./support/raw.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached | undefined;
afterEach(async () => {
  closeClients();
  endChildren();
  await running?.close();
  running = undefined;
});

const tooMany = expect.objectContaining({ ok: false, code: "ERR_TOO_MANY_ROOMS" });

test("a server without a descriptor for its threads is an error, and the next one works", async () => {
  // Node raises the soft limit to the hard one, so the hard one is what counts.
  const child = start("no-descriptors.mjs", [], { limit: 60 });
  expect(await child.messages.next("its word", 20_000)).toEqual({ code: "ERR_THREADS", sockets: 0 });
  expect((await child.ended()).code).toBe(0);
});

test("maxRooms counts rooms, on however many threads their members are", async () => {
  const child = await startServerProgram("attach", { maxRooms: 2 }, { env: { NSELF_REALTIME_SHARDS: "4" } });
  const clients = await Promise.all(Array.from({ length: 8 }, () => connected(child.port)));
  for (const room of ["a", "b"]) {
    for (const client of clients) expect(await join(client, room)).toEqual({ ok: true });
  }
  expect(await join(clients[0]!, "c")).toEqual(tooMany);
});

test("the clients of one address cannot take all rooms", async () => {
  running = await startAttached({ maxRooms: 4000, maxRoomsPerSocket: 4000, rateLimit: false, trustProxy: true });
  const from = (address: string) => connected(running!.port, { extraHeaders: { "X-Forwarded-For": address } });
  const [greedy, modest] = [await from("10.0.0.1"), await from("10.0.0.2")];
  const answers = await Promise.all(Array.from({ length: 4000 }, (_, n) => join(greedy, `greedy-${n}`)));
  expect(answers.filter(({ ok }) => ok).length).toBeLessThanOrEqual(2000);
  expect(answers.at(-1)).toEqual(tooMany);
  for (let n = 0; n < 100; n++) expect(await join(modest, `modest-${n}`)).toEqual({ ok: true });
  // A room that is there may be joined.
  expect(await join(greedy, "modest-1")).toEqual({ ok: true });
});

test("a batched event for a socket that leaves its own room meanwhile", async () => {
  running = await startAttached({});
  running.server.getIO().on("connection", () => {});
  const socket = await connected(running.port);
  // The first leaves at once, the second waits for its window.
  running.server.batchEvent(socket.id!, "first", "for you");
  await event(socket, "first");
  const word = event(socket, "word", 15_000);
  running.server.batchEvent(socket.id!, "word", "for you");
  running.server.getIO().sockets.sockets.get(socket.id!)!.leaveAll();
  // Not with the next heartbeat, which comes after 25 s.
  expect((await word).data).toBe("for you");
});

test("leaving costs what is left", async () => {
  running = await startAttached({ rateLimit: false });
  const { server, port } = running;
  const io = server.getIO();
  const time = async (count: number) => {
    const socket = await connected(port);
    io.in(socket.id!).socketsJoin(Array.from({ length: count }, (_, n) => `room-${n}`));
    expect(server.stats().rooms).toBe(count);
    const began = performance.now();
    io.in(socket.id!).disconnectSockets(true);
    // It waits for the server's threads.
    server.stats();
    const took = performance.now() - began;
    await vi.waitFor(() => expect(server.stats().rooms).toBe(0));
    return took;
  };
  await time(10_000);
  const [few, many] = [await time(5_000), await time(40_000)];
  expect(many).toBeLessThan(10 * Math.max(few, 30));
});

test("who is refused because too many wait comes with another ticket as somebody else", async () => {
  const { createTicket } = await import("nself-realtime");
  running = await startAttached({
    maxPendingAuthentications: 1,
    tickets: { keys: ["a key of thirty-two bytes or more"] },
  });
  const io = running.server.getIO();
  let asked = () => {};
  const asking = new Promise<void>((resolve) => {
    asked = resolve;
  });
  io.of("/slow").use(() => asked());
  const ticket = (userId: string) => JSON.stringify({ ticket: createTicket({ userId, expiresIn: 60_000 }) });
  const waiting = await WebSocketSession.open(running.port, { path: "/api/ws/" });
  waiting.send(`40/slow,${ticket("carol")}`);
  await asking;
  const session = await WebSocketSession.open(running.port, { path: "/api/ws/" });
  expect(await session.join("/slow", ticket("ann"))).toContain("ERR_BUSY");
  expect(await session.join("/", ticket("bob"))).toMatch(/^40/);
  expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["bob"]);
});
