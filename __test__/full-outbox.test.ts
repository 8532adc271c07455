// Clients for whom nothing more may wait, and what is told to them all the same: a logout, an answer, a refusal. They go,
// with every socket that they have, and nobody else suffers.
import { afterEach, expect, test, vi } from "vitest";
import type { LogEntry, RealtimeOptions } from "../ts/server/index.js";
import { fill, quiet } from "./support/full.js";
import { type Attached, connected, event, startAttached } from "./support/nself.js";
import { elapse, packet, SEPARATOR, WebSocketSession } from "./support/raw.js";
import { MAX_OUTBOX } from "./support/slow.js";

vi.setConfig({ testTimeout: 30_000 });

let running: Attached | undefined;
let errors: LogEntry[] = [];
afterEach(async () => {
  await running?.close();
  running = undefined;
  errors = [];
});

async function start(options: RealtimeOptions = {}): Promise<Attached> {
  running = await startAttached({
    maxOutbox: MAX_OUTBOX,
    logger: (entry) => void (entry.level === "error" && errors.push(entry)),
    ...options,
  });
  running.server.getIO().of("/admin");
  return running;
}

const users = {
  authenticate: ({ auth }: { auth: Record<string, unknown> }) => ({
    userId: String(auth.user),
    session: String(auth.session),
  }),
};

/** Everybody who is there, by `io.fetchSockets`' kind of count: presence of all namespaces. */
const there = () => running!.server.stats().sockets as unknown as number;

/** Four full connections of ann's with two sockets each, and a bystander. */
async function fullOfAnn() {
  await start(users);
  const bystander = await connected(running!.port, { auth: { user: "bob", session: "b" } });
  for (let n = 0; n < 4; n++) await quiet(running!, ["/", "/admin"], { user: "ann", session: "a" });
  fill(running!);
  expect(there()).toBe(9);
  return bystander;
}

test.each([
  ["disconnectUser", () => running!.server.disconnectUser("ann")],
  ["disconnectSession", () => running!.server.disconnectSession("a")],
])("%s ends all sockets of clients that are full, and says how many", async (_, logout) => {
  const bystander = await fullOfAnn();
  expect(logout()).toBe(8);
  await vi.waitFor(() => expect(there()).toBe(1));
  expect(running!.server.getPresence().map(({ userId }) => userId)).toEqual(["bob"]);
  const last = event(bystander, "last");
  running!.server.getIO().emit("last");
  await last;
  expect(errors).toEqual([]);
});

test("disconnectSockets(true) ends clients that are full, and everybody else", async () => {
  const bystander = await fullOfAnn();
  const gone = event(bystander, "disconnect");
  running!.server.getIO().disconnectSockets(true);
  await gone;
  await vi.waitFor(() => expect(there()).toBe(0));
  expect(errors).toEqual([]);
});

test("disconnectSockets(true) behind an event of 12 MB for one that does not read", async () => {
  await start({ maxOutbox: 1 << 20 });
  const session = await WebSocketSession.open(running!.port, { path: "/api/ws/" });
  const { sid } = JSON.parse((await session.join()).slice(2));
  await session.join("/admin");
  session.ws.connection.socket.pause();
  const others = await Promise.all([1, 2, 3, 4].map(() => connected(running!.port)));
  const gone = Promise.all(others.map((socket) => event(socket, "disconnect")));
  const io = running!.server.getIO();
  io.to(sid).emit("large", "x".repeat(12_000_000));
  io.disconnectSockets(true);
  await gone;
  await vi.waitFor(() => expect(there()).toBe(0));
  expect(errors).toEqual([]);
});

test("an expiry ends both sockets of one that is full", async () => {
  let expiresAt = Date.now() + 3_600_000;
  await start({ authenticate: () => ({ userId: "ann", expiresAt }) });
  await connected(running!.port);
  expiresAt = Date.now() + 6_000;
  await quiet(running!, ["/", "/admin"]);
  fill(running!);
  expect(there()).toBe(3);
  await vi.waitFor(() => expect(there()).toBe(1));
  expect(errors).toEqual([]);
});

test("one that floods while it is full goes with both sockets", async () => {
  await start({ rateLimit: { eventsPerSecond: 1, burst: 3 } });
  await connected(running!.port);
  const session = await quiet(running!, ["/", "/admin"]);
  fill(running!);
  // Pongs that nobody asked for.
  await session.tryPost(Array.from({ length: 200 }, () => "3").join(SEPARATOR));
  await vi.waitFor(() => expect(there()).toBe(1));
  expect(errors).toEqual([]);
});

test("leaving a room about which three questions are open, while nothing more fits", async () => {
  await start({ authorizeJoin: () => new Promise<boolean>(() => {}) });
  const bystander = await connected(running!.port);
  const session = await quiet(running!, ["/"]);
  const ask = (id: number, name: string) => packet("2", "/", `${id}${JSON.stringify([name, { roomId: "r" }])}`);
  await session.post([0, 1, 2].map((id) => ask(id, "join:room")).join(SEPARATOR));
  fill(running!);
  const heard: unknown[] = [];
  bystander.on("last", (n) => heard.push(n));
  await session.tryPost(ask(3, "leave:room"));
  for (let n = 0; n < 100; n++) {
    running!.server.getIO().emit("last", n);
    if (n % 10 === 0) await elapse(1);
  }
  await vi.waitFor(() => expect([there(), heard.length]).toEqual([1, 100]));
  expect(running!.server.stats().slowClients).toBe(1);
  expect(errors).toEqual([]);
});
