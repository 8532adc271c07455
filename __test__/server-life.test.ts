// HTTP servers come and go under one io, on the official socket.io and on ours.
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { io as connect, type Socket } from "socket.io-client";
import { afterEach, expect, test } from "vitest";
import { module, onBoth } from "./support/both.js";
import { within } from "./support/deadline.js";

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function listening(http: HttpServer): Promise<number> {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return (http.address() as AddressInfo).port;
}

async function joined(port: number, options = {}): Promise<Socket> {
  const socket = connect(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false, ...options });
  undo.push(() => socket.disconnect());
  await within("a connection", new Promise((resolve) => socket.once("connect", () => resolve(undefined))));
  return socket;
}

const heard = (socket: Socket, name: string) =>
  within(`the client's ${name}`, new Promise<unknown>((resolve) => socket.once(name, resolve)));

onBoth("an HTTP server that closes and listens again", (kind) => {
  const { Server } = module(kind);

  test.each([["websocket"], ["polling"]])("io goes on with it: %s", async (transport) => {
    const http = createServer();
    const io = new Server(http);
    undo.push(() => io.close());
    const first = await joined(await listening(http), { transports: [transport] });
    const gone = heard(first, "disconnect");
    first.disconnect();
    await gone;
    const closed = once(http, "close");
    http.close();
    http.closeAllConnections();
    await closed;
    const again = await joined(await listening(http), { transports: [transport] });
    const told = heard(again, "news");
    io.emit("news", "from the same io");
    expect(await told).toBe("from the same io");
  });

  test("of two HTTP servers the other goes on, with its clients", async () => {
    const [one, two] = [createServer(), createServer()];
    const io = new Server(one);
    undo.push(() => io.close());
    io.attach(two);
    const ofOne = await joined(await listening(one));
    const ofTwo = await joined(await listening(two));
    const everybody = Promise.all([heard(ofOne, "news"), heard(ofTwo, "news")]);
    io.emit("news", 1);
    expect(await everybody).toEqual([1, 1]);
    const gone = heard(ofOne, "disconnect");
    ofOne.disconnect();
    await gone;
    const closed = once(one, "close");
    one.close();
    one.closeAllConnections();
    await closed;
    const told = heard(ofTwo, "news");
    io.emit("news", 2);
    expect(await told).toBe(2);
    const another = await joined((two.address() as AddressInfo).port);
    expect(another.connected).toBe(true);
  });

  test("io.close() ends it all, and io may be attached again", async () => {
    const http = createServer();
    const io = new Server(http);
    const socket = await joined(await listening(http));
    const gone = heard(socket, "disconnect");
    await io.close();
    await gone;
    expect(http.listening).toBe(false);
    const next = createServer();
    io.attach(next);
    undo.push(() => io.close());
    const again = await joined(await listening(next));
    const told = heard(again, "news");
    io.emit("news", "anew");
    expect(await told).toBe("anew");
  });
});

test("ours: the clients of a server that closes are closed, those of another are not", async () => {
  const { Server } = module("ours");
  const [one, two] = [createServer(), createServer()];
  const io = new Server(one);
  undo.push(() => io.close());
  io.attach(two);
  const reason = new Promise((resolve) => io.on("connection", (socket: Socket) => socket.on("disconnect", resolve)));
  const ofOne = await joined(await listening(one), { transports: ["websocket"] });
  const ofTwo = await joined(await listening(two), { transports: ["websocket"] });
  const gone = heard(ofOne, "disconnect");
  one.close();
  await gone;
  expect(await reason).toBe("forced close");
  const told = heard(ofTwo, "news");
  io.emit("news", "still here");
  expect(await told).toBe("still here");
});
