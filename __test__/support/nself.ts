// The real-time server of this test process, from the built package, and official clients of it.
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { Envelope } from "../../ts/events.js";
import type * as Realtime from "../../ts/server/index.js";
import { within } from "./deadline.js";
import { dropConnections } from "./raw-http.js";

// By a variable, so that types can be checked before anything is built.
const name: string = "nself-realtime";

/** The built package. */
export const realtime = (await import(/* @vite-ignore */ name)) as typeof Realtime;

export type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** The modes of the official client. */
export const MODES: Record<string, string[]> = {
  websocket: ["websocket"],
  polling: ["polling"],
  "polling upgraded": ["polling", "websocket"],
};

export interface Attached {
  http: HttpServer | HttpsServer;
  port: number;
  server: Realtime.WebSocketServer;
  close(): Promise<void>;
}

/** Attaches the real-time server to an HTTP server whose every other answer is `application`. */
export async function startAttached(
  options: Realtime.RealtimeOptions = {},
  http: HttpServer | HttpsServer = createServer((_request, response) => void response.end("application")),
  host = "127.0.0.1",
): Promise<Attached> {
  const server = realtime.attach(http, options);
  http.listen(0, host);
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const close = async () => {
    closeClients();
    dropConnections(port);
    await server.shutdown();
    // Not there on a server of HTTP/2.
    http.closeAllConnections?.();
    if (http.listening) await new Promise((resolve) => http.close(resolve));
  };
  return { http, port, server, close };
}

const clients = new Set<Socket>();

/** Disconnects every client of this file. */
export function closeClients(): void {
  for (const client of clients) client.disconnect();
  clients.clear();
}

/** A client that is about to connect, by WebSocket unless told otherwise; it does not come back by itself. */
export function client(target: number | string, options: ClientOptions = {}): Socket {
  const url = typeof target === "number" ? `http://127.0.0.1:${target}` : target;
  const socket = io(url, {
    path: "/api/ws",
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    ...options,
  });
  clients.add(socket);
  return socket;
}

/** A connected client; one that upgrades has done so. */
export async function connected(target: number | string, options: ClientOptions = {}): Promise<Socket> {
  const socket = client(target, options);
  await event(socket, "connect");
  const { engine } = socket.io;
  const upgrades = options.transports?.length === 2 && engine.transport.name === "polling";
  if (upgrades) await within("the upgrade", new Promise((resolve) => engine.once("upgrade", resolve)));
  return socket;
}

/** The first argument of a client's next event. */
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it was sent
export function event(socket: Socket, name: string, ms?: number): Promise<any> {
  return within(`the client's ${name}`, new Promise((resolve) => socket.once(name, resolve)), ms);
}

/** Asks to join a room; the server's answer. */
export function join(socket: Socket, roomId: unknown): Promise<Realtime.RoomAck> {
  return within(`the answer to join:room ${roomId}`, socket.emitWithAck("join:room", { roomId }));
}

/** Collects the events of a client: `until(n)` waits for the n-th. */
export function collect(
  socket: Socket,
  ...only: string[]
): { events: Envelope[]; until(count: number): Promise<void> } {
  const events: Envelope[] = [];
  let wake = () => {};
  socket.onAny((name: string, envelope: Envelope) => {
    if (only.length > 0 && !only.includes(name)) return;
    events.push(envelope);
    wake();
  });
  const until = (count: number) =>
    within(
      `${count} events`,
      new Promise<void>((resolve) => {
        wake = () => events.length >= count && resolve();
        wake();
      }),
    );
  return { events, until };
}

/**
 * Waits until the server has carried out everything that it was told before: it answers a client's heartbeats in order
 * with what it sends.
 */
export async function settled(socket: Socket): Promise<void> {
  const pong = event(socket, "pong");
  socket.emit("heartbeat");
  await pong;
}

/** Runs `act` and gives the warnings of this package that came of it. */
export async function warningsOf(act: () => void): Promise<Array<{ code: string | undefined; message: string }>> {
  const warnings: Array<{ code: string | undefined; message: string }> = [];
  const listener = (warning: Error & { code?: string }) => {
    if (warning.name === "RealtimeWarning") warnings.push({ code: warning.code, message: warning.message });
  };
  process.on("warning", listener);
  act();
  // Warnings are emitted in the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", listener);
  return warnings;
}
