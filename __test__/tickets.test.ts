// Room tickets: minted by the application, verified without it.
import { createHmac } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { block, endChildren, startServerProgram } from "./support/child.js";
import {
  type Attached,
  client,
  closeClients,
  connected,
  event,
  join,
  MODES,
  realtime,
  startAttached,
} from "./support/nself.js";

let running: Attached | undefined;
afterEach(async () => {
  closeClients();
  endChildren();
  await running?.close();
  running = undefined;
});

const key = "the first key, of 32 bytes at least";
const newer = "the second key, of 32 bytes at least";

/** A ticket as anybody can make it who has a key. */
function forge(said: object, secret: string, version = "t1"): string {
  const signed = `${version}.${Buffer.from(JSON.stringify(said)).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

async function refusal(port: number, auth: object, transports: string[] = ["websocket"]) {
  const error = await event(client(port, { auth, transports }), "connect_error");
  return [error.message, error.data.code];
}

describe.each(Object.entries(MODES))("a ticket over %s", (_, transports) => {
  test("names the user and the rooms", async () => {
    running = await startAttached({ tickets: { keys: [key] } });
    const ticket = realtime.createTicket({ userId: "ann", rooms: ["lobby", "logs:*"], expiresIn: 60_000 });
    const socket = await connected(running.port, { transports, auth: { ticket, userId: "admin" } });
    expect(running.server.getPresence().map(({ userId }) => userId)).toEqual(["ann"]);
    const joined = event(socket, "room:joined");
    expect(await join(socket, "lobby")).toEqual({ ok: true });
    expect((await joined).data.userId).toBe("ann");
    expect(await join(socket, "logs:api")).toEqual({ ok: true });
    expect(await join(socket, "project-1")).toEqual({
      ok: false,
      code: "ERR_FORBIDDEN",
      error: 'the ticket does not name room "project-1"',
    });
    expect(running.server.disconnectUser("ann")).toBe(1);
    await event(socket, "disconnect");
  });

  test("its end ends the connection", async () => {
    running = await startAttached({ tickets: { keys: [key] } });
    const ticket = realtime.createTicket({ userId: "ann", expiresIn: 400 });
    const socket = await connected(running.port, { transports, auth: { ticket } });
    expect(await event(socket, "disconnect")).toBe("io server disconnect");
    expect(running.server.getPresence()).toEqual([]);
    // And it opens no other.
    expect(await refusal(running.port, { ticket }, transports)).toEqual([
      "the ticket has expired",
      "ERR_TICKET_EXPIRED",
    ]);
  });

  test("forged, foreign or missing ones are refused", async () => {
    running = await startAttached({ tickets: { keys: [key] } });
    const said = { user: "admin", until: Date.now() + 60_000 };
    const good = forge(said, key);
    const [version, , signature] = good.split(".");
    const invalid = ["the ticket is not valid", "ERR_INVALID_TICKET"];
    for (const ticket of [
      "",
      "admin",
      forge(said, newer),
      forge(said, key, "t2"),
      `${version}.${Buffer.from(JSON.stringify({ ...said, user: "root" })).toString("base64url")}.${signature}`,
      good.slice(0, -1),
      `${good}=`,
      good.slice(0, good.lastIndexOf(".") + 1),
      forge({ ...said, user: 7 }, key),
      forge({ user: "admin" }, key),
      "x".repeat(20_000),
      7,
      { toString: "t" },
    ]) {
      expect([ticket, ...(await refusal(running.port, { ticket }, transports))]).toEqual([ticket, ...invalid]);
    }
    expect(await refusal(running.port, {}, transports)).toEqual([
      "unauthorized: a ticket is needed",
      "ERR_UNAUTHORIZED",
    ]);
    expect(running.server.stats().denied.ticket).toBe(14);
    expect(running.server.getPresence()).toEqual([]);
    await connected(running.port, { transports, auth: { ticket: good } });
  });
});

test("the form of other tokens means nothing here: no part of a ticket chooses how it is checked", async () => {
  running = await startAttached({ tickets: { keys: [key] } });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const said = { user: "admin", sub: "admin", until: Date.now() + 60_000, exp: 9e9 };
  const jwt = (header: object) => {
    const signed = `${encode(header)}.${encode(said)}`;
    return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
  };
  const good = forge(said, key);
  const [version, body] = good.split(".");
  for (const ticket of [
    jwt({ alg: "HS256", typ: "JWT" }),
    `${encode({ alg: "none" })}.${encode(said)}.`,
    `none.${body}.`,
    `${version}.${body}`,
    `${version}.${body}.${Buffer.alloc(32).toString("base64url")}`,
    // The digest of another hash, of no key, of another part, a shorter one, in another alphabet.
    `${version}.${body}.${createHmac("sha1", key).update(`${version}.${body}`).digest("base64url")}`,
    `${version}.${body}.${createHmac("sha512", key).update(`${version}.${body}`).digest("base64url")}`,
    forge(said, ""),
    `${version}.${body}.${createHmac("sha256", key).update(body!).digest("base64url")}`,
    `${version}.${body}.${Buffer.from(good.split(".")[2]!, "base64url").subarray(0, 16).toString("base64url")}`,
    `${version}.${body}.${createHmac("sha256", key).update(`${version}.${body}`).digest("hex")}`,
    ` ${good}`,
    `${good}\n`,
    `${version}.${body}.${body}.${good.split(".")[2]}`,
  ]) {
    expect([ticket, ...(await refusal(running.port, { ticket }))]).toEqual([
      ticket,
      "the ticket is not valid",
      "ERR_INVALID_TICKET",
    ]);
  }
  expect(running.server.getPresence()).toEqual([]);
  await connected(running.port, { auth: { ticket: good } });
});

test("a ticket without rooms of its own, for all of a kind, and for none", async () => {
  running = await startAttached({ tickets: { keys: [key] } });
  const until = Date.now() + 60_000;
  for (const [rooms, room, ok] of [
    [[], "lobby", false],
    [["*"], "anything", true],
    [["logs:*"], "logs", false],
    [["logs:*"], "xlogs:api", false],
    [["lobby"], "lobby2", false],
    [["lobby"], "LOBBY", false],
    [["a.b"], "axb", false],
  ] as const) {
    const socket = await connected(running.port, { auth: { ticket: forge({ user: "ann", rooms, until }, key) } });
    expect([rooms, room, (await join(socket, room)).ok]).toEqual([rooms, room, ok]);
  }
  // Even a ticket for everything is none for another socket's own room.
  const [victim, all] = [1, 2].map(() =>
    connected(running!.port, { auth: { ticket: forge({ user: "ann", rooms: ["*"], until }, key) } }),
  );
  expect(await join(await all!, (await victim!).id)).toMatchObject({ ok: false, code: "ERR_FORBIDDEN" });
});

test("keys are rotated while tickets are out", async () => {
  running = await startAttached({ tickets: { keys: [newer, key] } });
  const said = { user: "ann", until: Date.now() + 60_000 };
  await connected(running.port, { auth: { ticket: forge(said, key) } });
  await connected(running.port, { auth: { ticket: forge(said, newer) } });
  const ticket = realtime.createTicket({ userId: "ann", expiresIn: 60_000 });
  await running.close();
  running = await startAttached({ tickets: { keys: [newer] } });
  await connected(running.port, { auth: { ticket } });
  expect(await refusal(running.port, { ticket: forge(said, key) })).toEqual([
    "the ticket is not valid",
    "ERR_INVALID_TICKET",
  ]);
});

test("beside authenticate and authorizeJoin: who has a ticket is not asked about", async () => {
  const authenticate = vi.fn(({ auth }) => (auth.name ? { userId: auth.name } : null));
  const authorizeJoin = vi.fn((_socket: unknown, room: string) => room === "allowed");
  running = await startAttached({ tickets: { keys: [key] }, authenticate, authorizeJoin });
  const ticket = realtime.createTicket({ userId: "ann", rooms: ["lobby"], expiresIn: 60_000 });
  const ann = await connected(running.port, { auth: { ticket } });
  expect(await join(ann, "lobby")).toEqual({ ok: true });
  expect([authenticate.mock.calls.length, authorizeJoin.mock.calls.length]).toEqual([0, 0]);
  // What it does not name is up to the application, as for others.
  expect(await join(ann, "allowed")).toEqual({ ok: true });
  expect(await join(ann, "other")).toMatchObject({ ok: false, code: "ERR_FORBIDDEN" });
  await connected(running.port, { auth: { name: "bob" } });
  expect(await refusal(running.port, {})).toEqual(["unauthorized", "ERR_UNAUTHORIZED"]);
  const users = running.server.getPresence().map(({ userId }) => userId);
  expect(users.sort()).toEqual(["ann", "bob"]);
});

test("a middleware sees the ticket's user", async () => {
  running = await startAttached({ tickets: { keys: [key] } });
  const seen: unknown[] = [];
  running.server.getIO().use((socket, next) => {
    seen.push(socket.userId);
    next();
  });
  const ticket = realtime.createTicket({ userId: "ann", expiresIn: 60_000 });
  await connected(running.port, { auth: { ticket } });
  expect(seen).toEqual(["ann"]);
  expect(running.server.getUserPresence("ann")).toHaveLength(1);
});

test("a ticket is made of good values only, where a server with keys runs", async () => {
  const { createTicket } = realtime;
  const code = (options: object) => {
    try {
      createTicket({ userId: "ann", expiresIn: 1000, ...options });
    } catch (error) {
      return (error as { code: string }).code;
    }
    return undefined;
  };
  expect(code({})).toBe("ERR_NOT_RUNNING");
  running = await startAttached();
  expect(code({})).toBe("ERR_NO_TICKET_KEYS");
  await running.close();
  running = await startAttached({ tickets: { keys: [key] } });
  expect(code({})).toBeUndefined();
  for (const options of [
    { userId: "" },
    { userId: 7 },
    { expiresIn: 0 },
    { expiresIn: 1.5 },
    { rooms: "a" },
    { rooms: [7] },
  ]) {
    expect([options, code(options)]).toEqual([options, "ERR_INVALID_TICKET"]);
  }
  expect(code({ rooms: ["a b"] })).toBe("ERR_INVALID_ROOM");
});

test("connecting and joining work while the JavaScript thread is blocked", async () => {
  const server = await startServerProgram("listen", { tickets: { keys: [key] } });
  const ticket = forge({ user: "ann", rooms: ["lobby", "logs:*"], until: Date.now() + 60_000 }, key);
  const unblock = await block(server);
  const first = await connected(server.port, { auth: { ticket } });
  const second = await connected(server.port, { auth: { ticket }, transports: ["polling"] });
  expect(await join(first, "lobby")).toEqual({ ok: true });
  const joined = event(first, "room:joined");
  expect(await join(second, "lobby")).toEqual({ ok: true });
  expect((await joined).data).toEqual({ socketId: second.id, userId: "ann", room: "lobby" });
  expect(await join(second, "logs:api")).toEqual({ ok: true });
  expect(await join(second, "project-1")).toMatchObject({ ok: false, code: "ERR_FORBIDDEN" });
  expect(await refusal(server.port, { ticket: `${ticket}x` })).toEqual([
    "the ticket is not valid",
    "ERR_INVALID_TICKET",
  ]);
  await unblock();
});
