import { once } from "node:events";
import { createServer, type IncomingMessage, Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, expect, it } from "vitest";
import { registry } from "../process/registry.js";
import { endEarly, keepEarly, takeEarly } from "./early.js";

const undo: Array<() => unknown> = [];
afterEach(() => {
  endEarly();
  for (const step of undo.splice(0).reverse()) step();
});

/** A server that has looked at upgrades of these paths and left them, as Next does. */
async function leaving(...paths: string[]) {
  const server = createServer();
  const left: Duplex[] = [];
  server.on("upgrade", (_, socket: Duplex) => {
    socket.on("error", () => {});
    undo.push(() => socket.destroy());
    left.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  undo.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const clients = [];
  for (const path of paths) {
    const client = connect(port, "127.0.0.1").setEncoding("latin1");
    client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhead`);
    await once(server, "upgrade");
    undo.push(() => client.destroy());
    clients.push(client);
  }
  return { left, clients };
}

const taken = (request: IncomingMessage, socket: Duplex, head: Buffer) => void socket.end(`${request.url} ${head}`);
const isWrapped = () => Object.hasOwn(Server.prototype, "emit");

it("takes what waits at its path, leaves the rest, and leaves nothing behind", async () => {
  keepEarly();
  keepEarly();
  const { left, clients } = await leaving("/api/ws/?EIO=4", "/_next/hmr");
  const said = once(clients[0]!, "data");
  takeEarly("/api/ws", taken);
  expect(await said).toEqual(["/api/ws/?EIO=4 head"]);
  expect(left[1]!.writable).toBe(true);
  expect(isWrapped()).toBe(false);
});

it("leaves who was answered by somebody else, and forgets who goes", async () => {
  keepEarly();
  const { left, clients } = await leaving("/api/ws/", "/api/ws/");
  const said = once(clients[0]!, "data");
  left[0]!.write("theirs");
  const gone = once(left[1]!, "close");
  left[1]!.destroy();
  await gone;
  expect(registry.early?.kept.size).toBe(1);
  takeEarly("/api/ws", taken);
  expect(await said).toEqual(["theirs"]);
  expect(left[0]!.writable).toBe(true);
});

it("does nothing without withRealtime", async () => {
  const { left } = await leaving("/api/ws/");
  takeEarly("/api/ws", taken);
  expect(left[0]!.writable).toBe(true);
  expect(isWrapped()).toBe(false);
});
