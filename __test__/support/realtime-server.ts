// A real server for the client's tests: the nself layer's rooms and envelope on a port of its own.

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import type { RoomAck } from "../../ts/events.js";

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

const ROOM_NAME = /^[a-zA-Z0-9_:.-]{1,128}$/;

interface RoomRequest {
  data: { roomId: string };
}

const envelope = (type: string, data: unknown, room?: string) => ({
  type,
  data,
  timestamp: new Date().toISOString(),
  ...(room === undefined ? {} : { room }),
});

/** Starts the server on a free port of the loopback interface. It answers an `echo` event with the same event. */
export async function startServer(
  options: { transports?: Array<"polling" | "websocket"> } = {},
): Promise<RealtimeTestServer> {
  let http: HttpServer;
  let io: Server;
  let port = 0;
  let connections = 0;

  const start = async () => {
    http = createServer();
    io = new Server(http, { path: "/api/ws", ...options });
    io.on("connection", (socket) => {
      connections++;
      socket.on("echo", (...args: unknown[]) => socket.emit("echo", ...args));
      socket.on("join:room", ({ data: { roomId: room } }: RoomRequest, ack?: (answer: RoomAck) => void) => {
        if (!ROOM_NAME.test(room)) {
          ack?.({ ok: false, code: "ERR_INVALID_ROOM", error: "invalid room name" });
          return;
        }
        socket.join(room);
        ack?.({ ok: true });
        io.to(room).emit("room:joined", envelope("room:joined", { socketId: socket.id, userId: null, room }, room));
      });
      socket.on("leave:room", ({ data: { roomId: room } }: RoomRequest, ack?: (answer: RoomAck) => void) => {
        io.to(room).emit("room:left", envelope("room:left", { socketId: socket.id, userId: null, room }, room));
        socket.leave(room);
        ack?.({ ok: true });
      });
    });
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, "127.0.0.1", resolve);
    });
    port = (http.address() as AddressInfo).port;
  };

  const stop = async () => {
    const closed = io.close();
    http.closeAllConnections();
    await closed;
  };

  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    emit: (type, data, room) => void (room === undefined ? io : io.to(room)).emit(type, envelope(type, data, room)),
    emitBare: (type, payload) => void io.emit(type, payload),
    sockets: () => io.of("/").sockets.size,
    connections: () => connections,
    members: (room) => [...(io.of("/").adapter.rooms.get(room) ?? [])],
    kick: () => io.disconnectSockets(true),
    stop,
    start,
    close: stop,
  };
}
