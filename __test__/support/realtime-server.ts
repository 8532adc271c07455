// The real-time server for the client's tests, on a port of its own: the built package, attached to an HTTP server.

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { attach, type WebSocketServer } from "nself-realtime";

export interface RealtimeTestServer {
  url: string;
  /** Emits in the envelope, to a room or to all. */
  emit(type: string, data: unknown, room?: string): void;
  /** Emits `payload` as it is. */
  emitBare(type: string, payload: unknown): void;
  /** Sockets connected now. */
  sockets(): number;
  /** Connections accepted since the start, restarts included. */
  connections(): number;
  /** Ids of the sockets in a room. */
  members(room: string): string[];
  /** Disconnects every socket from the server's side. */
  kick(): void;
  /** Stops; nothing listens on the port any more. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the server on a free port of the loopback interface. It answers an `echo` event with the same event. */
export async function startServer(
  options: { transports?: Array<"polling" | "websocket"> } = {},
): Promise<RealtimeTestServer> {
  let http: HttpServer;
  let realtime: WebSocketServer;
  let port = 0;
  let connections = 0;

  const start = async () => {
    http = createServer();
    realtime = attach(http, options);
    realtime.getIO().on("connection", (socket) => {
      connections++;
      socket.on("echo", (...args: unknown[]) => socket.emit("echo", ...args));
    });
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, "127.0.0.1", resolve);
    });
    port = (http.address() as AddressInfo).port;
  };

  const stop = async () => {
    await realtime.shutdown();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };

  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    emit: (type, data, room) =>
      void (room === undefined ? realtime.broadcast(type, data) : realtime.broadcastToRoom(room, type, data)),
    emitBare: (type, payload) => void realtime.getIO().emit(type, payload),
    sockets: () => realtime.getPresence().length,
    connections: () => connections,
    members: (room) => realtime.getRoomMembers(room),
    kick: () => realtime.getIO().disconnectSockets(true),
    stop,
    start,
    close: stop,
  };
}
