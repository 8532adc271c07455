// Connection state recovery: `recovered` means that nothing is missing, nothing came twice, and all is in order.
import type { Socket } from "socket.io-client";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RealtimeOptions, Socket as ServerSocket } from "../ts/server/index.js";
import { type Forgetful, startForgetful } from "./support/half-open.js";
import { type Attached, client, collect, connected, event, join, settled, startAttached } from "./support/nself.js";
import { elapse } from "./support/raw.js";
import { back, cut } from "./support/returning.js";
import { MAX_OUTBOX, turn } from "./support/slow.js";

vi.setConfig({ testTimeout: 60_000 });

let running: Attached;
let proxy: Forgetful | undefined;
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
  await running.close();
});

async function start(options: RealtimeOptions = {}): Promise<void> {
  running = await startAttached({ connectionStateRecovery: { maxDisconnectionDuration: 60_000 }, ...options });
}

const emit = (n: unknown) => void running.server.getIO().emit("n", n);

/** The numbers that a client is told from now on. */
function numbers(socket: Socket): number[] {
  const heard: number[] = [];
  socket.on("n", (n: number) => heard.push(n));
  return heard;
}

/** A client that has got an event, number 0. */
async function counting(options: Parameters<typeof connected>[1] = {}): Promise<{ socket: Socket; heard: number[] }> {
  const socket = await connected(running.port, options);
  const heard = numbers(socket);
  const first = event(socket, "n");
  emit(0);
  await first;
  return { socket, heard };
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

/** A promise, and what settles it. */
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

test.each([["websocket"], ["polling"]])(
  "a hundred returns over %s under thousands of events a second",
  async (transport) => {
    await start();
    const { socket, heard } = await counting({ transports: [transport] });
    for (const room of ["a", "b"]) await join(socket, room);
    const io = running.server.getIO();
    const targets = [io, io.to("a"), io.to("b"), io.to("a"), io.to(["a", "b"])];
    let sent = 1;
    const emitter = setInterval(() => {
      for (let i = 0; i < 10; i++, sent++) targets[sent % targets.length]!.emit("n", sent);
    }, 1);
    try {
      for (let n = 0; n < 100; n++) {
        // Some are back before the server has noticed, some after.
        if (n % 2 === 0) socket.io.engine.close();
        else await cut(running, socket);
        await back(socket);
        expect(socket.recovered).toBe(true);
        if (n % 10 === 0) await elapse(5);
      }
    } finally {
      clearInterval(emitter);
    }
    await settled(socket);
    expect(heard).toEqual(upTo(sent));
  },
);

describe("an event while it is decided on a client that comes back", () => {
  test.each([["authenticate"], ["a middleware"]])("%s", async (who) => {
    let wait: Promise<void> | undefined;
    let asked = gate();
    const decide = async () => {
      asked.open();
      await wait;
    };
    await start({
      connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: false },
      ...(who === "authenticate" ? { authenticate: () => decide().then(() => ({ userId: "ann" })) } : {}),
    });
    if (who === "a middleware") running.server.getIO().use((_socket, next) => void decide().then(() => next()));
    const { socket, heard } = await counting();
    for (let round = 0; round < 3; round++) {
      const { open, opened } = gate();
      [wait, asked] = [opened, gate()];
      await cut(running, socket);
      emit(heard.length);
      const returned = back(socket);
      await asked.opened;
      emit(heard.length + 1);
      running.server.getIO().to("nobody is here").emit("n", -1);
      open();
      await returned;
      await settled(socket);
      expect(socket.recovered).toBe(true);
      expect(heard).toEqual(upTo(1 + 2 * (round + 1)));
    }
  });
});

test("cut off again while it is asked about the rooms of one that comes back", async () => {
  let wait: Promise<void> | undefined;
  let asked = gate();
  await start({
    authenticate: () => ({ userId: "ann" }),
    authorizeJoin: async () => {
      asked.open();
      await wait;
      return true;
    },
  });
  const { socket, heard } = await counting();
  await join(socket, "r");
  await cut(running, socket);
  emit(1);
  const { open, opened } = gate();
  [wait, asked] = [opened, gate()];
  socket.connect();
  await asked.opened;
  emit(2);
  const gone = event(socket, "disconnect");
  socket.io.engine.close();
  await gone;
  emit(3);
  open();
  await back(socket);
  await settled(socket);
  if (socket.recovered) expect(heard).toEqual(upTo(4));
  expect(running.server.getRoomMembers("r")).toEqual(socket.recovered ? [socket.id] : []);
});

test.each([["1"], ["0"], [""], ["a text"], ["zzzzzzzz.1"]])(
  "a volatile event as the last, with the text %j",
  async (text) => {
    await start();
    const { socket, heard } = await counting();
    for (let n = 1; n < 6; n++) emit(n);
    const last = event(socket, "now");
    running.server.getIO().volatile.emit("now", text);
    await last;
    await cut(running, socket);
    emit(6);
    await back(socket);
    await settled(socket);
    expect([socket.recovered, heard]).toEqual([true, upTo(7)]);
  },
);

test("a refusal because too many wait keeps the session", async () => {
  let wait: Promise<void> | undefined;
  let asked = gate();
  await start({
    maxPendingAuthentications: 1,
    authenticate: async ({ auth }) => {
      asked.open();
      await wait;
      return { userId: String(auth.user) };
    },
  });
  const { socket, heard } = await counting({ auth: { user: "ann" } });
  const { id } = socket;
  await cut(running, socket);
  const { open, opened } = gate();
  [wait, asked] = [opened, gate()];
  const other = client(running.port, { auth: { user: "bob" } });
  await asked.opened;
  emit(1);
  for (let n = 0; n < 3; n++) {
    const refused = event(socket, "connect_error");
    socket.connect();
    expect((await refused).data).toEqual({ code: "ERR_BUSY" });
  }
  open();
  await event(other, "connect");
  emit(2);
  await back(socket);
  await settled(socket);
  expect([socket.recovered, socket.id, heard]).toEqual([true, id, upTo(3)]);
});

test("a page to which nothing was said for longer than sessions are kept", async () => {
  await start({ connectionStateRecovery: { maxDisconnectionDuration: 3000 } });
  const { socket, heard } = await counting();
  for (let round = 0; round < 2; round++) {
    await elapse(3300);
    // Of the journal, this forgets the event.
    running.server.getIO().to("nobody is here").emit("n", -1);
    await cut(running, socket);
    await back(socket);
    expect(socket.recovered).toBe(true);
  }
  emit(1);
  await settled(socket);
  expect(heard).toEqual([0, 1]);
});

test("a client that has got no event yet", async () => {
  await start();
  const socket = await connected(running.port);
  const heard = numbers(socket);
  const { id } = socket;
  await cut(running, socket);
  emit(0);
  emit(1);
  await back(socket);
  await settled(socket);
  expect([socket.recovered, socket.id, heard]).toEqual([true, id, [0, 1]]);
});

test("a client that is back before the server noticed", async () => {
  await start();
  proxy = await startForgetful(running.port);
  const bystander = await connected(running.port);
  await join(bystander, "r");
  const socket = await connected(proxy.port);
  const heard = numbers(socket);
  await join(socket, "r");
  await settled(socket);
  const { id } = socket;
  const others = collect(bystander, "room:joined", "room:left");
  for (let round = 0; round < 5; round++) {
    const gone = event(socket, "disconnect");
    proxy.forget();
    await gone;
    for (let n = 0; n < 10; n++) emit(10 * round + n);
    expect(running.server.stats().sockets).toBe(2);
    await back(socket);
    expect([socket.recovered, socket.id]).toEqual([true, id]);
  }
  await settled(socket);
  expect(heard).toEqual(upTo(50));
  await vi.waitFor(() => expect(running.server.stats().sockets).toBe(2));
  expect(running.server.getRoomMembers("r").sort()).toEqual([bystander.id, id].sort());
  await settled(bystander);
  // For others it has never been away.
  expect(others.events).toEqual([]);
});

test.each([["websocket"], ["polling"]])(
  "who missed more than may wait gets it as it reads, over %s",
  async (transport) => {
    await start({ maxOutbox: MAX_OUTBOX });
    const { socket, heard } = await counting({ transports: [transport] });
    for (let round = 0; round < 2; round++) {
      await cut(running, socket);
      const from = heard.length;
      for (let n = 0; n < 3600; n++) {
        running.server.getIO().emit("n", from + n, "x".repeat(200));
        if (n % 100 === 99) await turn();
      }
      const returned = back(socket);
      await returned;
      for (let n = 0; n < 10; n++) emit(from + 3600 + n);
      await vi.waitFor(() => expect(heard.length).toBe(from + 3610), 20_000);
      expect(socket.recovered).toBe(true);
    }
    expect(heard).toEqual(upTo(1 + 2 * 3610));
    expect(running.server.stats().slowClients).toBe(0);
  },
);

test("what a handler emits to a socket that is away", async () => {
  await start();
  let handle: ServerSocket | undefined;
  running.server.getIO().on("connection", (socket) => {
    handle = socket;
  });
  const { socket, heard } = await counting();
  const away = handle!;
  const ended = new Promise((resolve) => away.once("disconnect", resolve));
  await cut(running, socket);
  await ended;
  expect(away.emit("n", 1)).toBe(true);
  running.server.getIO().to(away.id).emit("n", 2);
  expect(away.emit("n", 3)).toBe(true);
  await back(socket);
  await settled(socket);
  expect([socket.recovered, heard]).toEqual([true, upTo(4)]);
});
