// What many clients acknowledge, beside the official server.
import { afterEach, describe, expect, test, vi } from "vitest";
import { client, closeClients, connected, event } from "./support/nself.js";
import { WebSocketSession } from "./support/raw.js";
import { kinds, type RunningServer, startOurs, startServer } from "./support/servers.js";

vi.setConfig({ testTimeout: 60_000 });

const path = "/socket.io";
const LONG = 40_000;
let running: RunningServer;
afterEach(async () => {
  closeClients();
  await running.close();
});

type Answer = [error: Error | null, responses: unknown];

/** Asks all of `to`, and gives the arguments of the callback. */
const ask = (to: { emit(event: string, ...args: unknown[]): boolean }, ...args: unknown[]): Promise<Answer> =>
  new Promise((resolve) => {
    expect(to.emit("ask", ...args, (...answer: Answer) => resolve(answer))).toBe(true);
  });

describe.each(kinds)("%s", (kind) => {
  /** Three clients that answer with their number. */
  async function three(setup?: Parameters<typeof startServer>[2]) {
    running = await startServer(kind, {}, setup);
    const clients = [];
    for (const number of [1, 2, 3]) {
      const transports = [["websocket"], ["polling"], ["polling", "websocket"]][number - 1] as string[];
      const one = await connected(running.port, { path, transports });
      one.on("ask", (...args) => args.at(-1)(number, "not given"));
      clients.push(one);
    }
    return { io: running.io, clients };
  }
  const sorted = (responses: unknown) => [...(responses as unknown[])].sort();

  test("all answer", async () => {
    const { io } = await three();
    const [error, responses] = await ask(io.timeout(LONG) as never, "anybody");
    expect([error, sorted(responses)]).toEqual([null, [1, 2, 3]]);
    expect(sorted(await io.timeout(LONG).emitWithAck("ask"))).toEqual([1, 2, 3]);
    expect(sorted(await io.of("/").timeout(LONG).emitWithAck("ask"))).toEqual([1, 2, 3]);
  });

  test("rooms, except, and a socket's broadcast ask those that they name", async () => {
    const { io, clients } = await three();
    const [a, b, c] = clients.map(({ id }) => id as string) as [string, string, string];
    io.in([a, b]).socketsJoin("r");
    expect(sorted(await io.in("r").timeout(LONG).emitWithAck("ask"))).toEqual([1, 2]);
    expect(sorted(await io.except(a).timeout(LONG).emitWithAck("ask"))).toEqual([2, 3]);
    expect(sorted(await io.to([c, "r"]).except([b]).timeout(LONG).emitWithAck("ask"))).toEqual([1, 3]);
    const socket = io.sockets.sockets.get(b);
    expect(sorted(await socket?.broadcast.timeout(LONG).emitWithAck("ask"))).toEqual([1, 3]);
    expect(sorted(await socket?.timeout(LONG).to("r").emitWithAck("ask"))).toEqual([1]);
    expect(await io.volatile.to(c).timeout(LONG).emitWithAck("ask")).toEqual([3]);
  });

  test("nobody is there: an empty list, and not at once", async () => {
    running = await startServer(kind);
    let called = false;
    const answer = ask(running.io.timeout(LONG) as never).finally(() => {
      called = true;
    });
    expect(called).toBe(false);
    expect(await answer).toEqual([null, []]);
    expect(await running.io.of("/x").to("nobody").timeout(LONG).emitWithAck("ask")).toEqual([]);
  });

  test("one does not answer, and one leaves: an error in time, with what came", async () => {
    const { io, clients } = await three();
    clients[1]?.off("ask");
    clients[2]?.off("ask").on("ask", () => clients[2]?.disconnect());
    const [error, responses] = await ask(io.timeout(500) as never);
    expect(error).toMatchObject({ message: "operation has timed out" });
    expect(responses).toEqual([1]);
    clients[1]?.connect();
    const late = await io
      .timeout(300)
      .emitWithAck("ask")
      .catch((error) => error);
    expect(late).toBeInstanceOf(Error);
    expect(late.responses).toEqual([1]);
  });

  test("answers that come late, twice, or without arguments", async () => {
    running = await startServer(kind);
    const session = await WebSocketSession.open(running.port);
    await session.join();
    const question = async () => /^42(\d+)/.exec(await session.text())?.[1];
    const first = ask(running.io.timeout(50) as never);
    const early = await question();
    expect((await first)[1]).toEqual([]);
    const second = ask(running.io.timeout(LONG) as never);
    const id = await question();
    session.send(`43${early}["late"]`);
    session.send(`43${id}[]`);
    session.send(`43${id}["again"]`);
    expect(await second).toEqual([null, [undefined]]);
    const third = running.io.timeout(LONG).emitWithAck("ask");
    session.send(`43${await question()}[null]`);
    expect(await third).toEqual([null]);
    session.ws.connection.destroy();
  });

  test("binary both ways", async () => {
    const { io, clients } = await three();
    for (const one of clients) one.off("ask").on("ask", (data, ack) => ack({ twice: [data, one.id, data] }));
    clients[0]?.off("ask").on("ask", (_, ack) => ack("none"));
    const responses = (await io.timeout(LONG).emitWithAck("ask", Buffer.from([1, 2]))) as unknown[];
    expect(responses).toContain("none");
    const data = Buffer.from([1, 2]);
    for (const { id } of clients.slice(1)) expect(responses).toContainEqual({ twice: [data, id, data] });
  });

  test("questions at once, to many and to one, get their own answers", async () => {
    const { io, clients } = await three((io) => io.on("connection", () => {}));
    for (const one of clients) one.off("ask").on("ask", (n, ack) => ack(n));
    await vi.waitFor(() => expect(io.sockets.sockets.size).toBe(3));
    const one = [...io.sockets.sockets.values()][1];
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        n % 3 === 0 ? one?.emitWithAck("ask", n) : io.timeout(LONG).emitWithAck("ask", n),
      ),
    );
    expect(all).toEqual(Array.from({ length: 30 }, (_, n) => (n % 3 === 0 ? n : [n, n, n])));
  });

  test("without a timeout nobody is in time", async () => {
    const { io, clients } = await three();
    for (const one of clients) one.off("ask");
    const [late] = await ask(io as never);
    expect(late).toMatchObject({ message: "operation has timed out" });
  });

  test("those who listen to what goes out hear it", async () => {
    const { io } = await three((io) =>
      io.on("connection", (socket) => socket.onAnyOutgoing((...args) => seen.push(args))),
    );
    const seen: unknown[] = [];
    await io.timeout(LONG).emitWithAck("ask", "x");
    expect(seen).toEqual(Array(3).fill(["ask", "x"]));
  });

  test("a closed server asks nobody", async () => {
    const { io } = await three();
    await io.close();
    const [error] = await ask(io.timeout(20) as never);
    // socket.io finds that nobody is left, and calls that an answer.
    expect(error?.message).toBe(kind === "ours" ? "operation has timed out" : undefined);
  });
});

test("a reserved name is refused", async () => {
  running = await startOurs();
  await expect(running.io.timeout(1).emitWithAck("disconnect")).rejects.toThrow("reserved");
});

test("a client that comes back within the recovery is asked behind what it missed", async () => {
  running = await startOurs({ connectionStateRecovery: {} });
  const one = client(running.port, { path, reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 20 });
  await event(one, "connect");
  const seen: unknown[] = [];
  one.on("n", (n) => seen.push(n));
  one.on("ask", (ack) => ack([...seen]));
  running.io.emit("n", 0);
  await vi.waitFor(() => expect(seen).toEqual([0]));
  const gone = event(one, "disconnect");
  one.io.engine.close();
  await gone;
  running.io.emit("n", 1);
  await event(one, "connect");
  expect(await running.io.timeout(LONG).emitWithAck("ask")).toEqual([[0, 1]]);
});
