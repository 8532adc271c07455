// The real-time server for the client's tests, on a port of its own: the built package, attached to an HTTP server.

import { createServer, type Server as HttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { attach, type PresenceEntry, type RealtimeOptions, type Socket, type WebSocketServer } from "nself-realtime";

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
  /** Emits in the envelope to one socket. */
  emitTo(socketId: string, type: string, data: unknown): void;
  /** How many are connected by which transport. */
  transports(): { websocket: number; polling: number };
  /** HTTP requests to the server's path since the start; upgrades are none. */
  requests(): number;
  /** HTTP requests and WebSocket handshakes since the start, refused and swallowed ones among them, in order. */
  arrivals(): ReadonlyArray<"request" | "upgrade">;
  /** Who is in a room. */
  presence(room: string): PresenceEntry[];
  /** What becomes of WebSocket handshakes from now on: as if a proxy stood before the server. */
  webSockets(are: "served" | "refused" | "swallowed"): void;
  /** Disconnects every socket from the server's side. */
  kick(): void;
  /** Stops; nothing listens on the port any more. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts the server on a free port of the loopback interface. It answers an `echo` event with the same event; `wire` adds handlers to
 * each socket, `answer` serves other requests.
 */
export async function startServer(
  options: RealtimeOptions = {},
  wire: (socket: Socket) => void = () => {},
  answer?: RequestListener,
): Promise<RealtimeTestServer> {
  let http: HttpServer;
  let realtime: WebSocketServer;
  let port = 0;
  let connections = 0;
  let requests = 0;
  const arrivals: Array<"request" | "upgrade"> = [];
  let webSockets: "served" | "refused" | "swallowed" = "served";
  const swallowed: Duplex[] = [];

  const start = async () => {
    http = createServer(answer);
    realtime = attach(http, options);
    realtime.getIO().on("connection", (socket) => {
      connections++;
      wire(socket);
      socket.on("echo", (...args: unknown[]) => socket.emit("echo", ...args));
    });
    const emit = http.emit as (name: string, ...args: unknown[]) => boolean;
    http.emit = function (this: HttpServer, name: string, ...args: unknown[]) {
      if (name === "request") requests++;
      if (name === "request" || name === "upgrade") arrivals.push(name);
      if (name !== "upgrade" || webSockets === "served") return emit.call(this, name, ...args);
      if (webSockets === "refused") (args[1] as Duplex).end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      else swallowed.push(args[1] as Duplex);
      return true;
    };
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, "127.0.0.1", resolve);
    });
    port = (http.address() as AddressInfo).port;
  };

  const stop = async () => {
    await realtime.shutdown();
    for (const socket of swallowed.splice(0)) socket.destroy();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };

  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    emit: (type, data, room) =>
      void (room === undefined ? realtime.broadcast(type, data) : realtime.broadcastToRoom(room, type, data)),
    emitBare: (type, payload) => void realtime.getIO().emit(type, payload),
    emitTo: (socketId, type, data) => void realtime.emitToSocket(socketId, type, data),
    transports: () => {
      const { connections } = realtime.stats() as { connections: { websocket: number; polling: number } };
      return { websocket: connections.websocket, polling: connections.polling };
    },
    requests: () => requests,
    arrivals: () => arrivals,
    presence: (room) => realtime.getPresence().filter(({ rooms }) => rooms.includes(room)),
    webSockets: (are) => {
      webSockets = are;
    },
    sockets: () => realtime.getPresence().length,
    connections: () => connections,
    members: (room) => realtime.getRoomMembers(room),
    kick: () => realtime.getIO().disconnectSockets(true),
    stop,
    start,
    close: stop,
  };
}
