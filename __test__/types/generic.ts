// What libraries around a server write: classes and functions that are generic in the events.

import { type DisconnectReason, type Namespace, Server, type ServerOptions, type Socket } from "socket.io";
import type { Any } from "./support.js";

/** A class of an application that owns a server. */
class Gateway<In extends Events, Out extends Events, Data = Any> {
  readonly io: Server<In, Out, Empty, Data>;
  constructor(port: number, options: Partial<ServerOptions>) {
    this.io = new Server<In, Out, Empty, Data>(port, options);
    this.io.on("connection", (socket) => this.connected(socket));
  }
  connected(socket: Socket<In, Out, Empty, Data>): void {
    socket.on("disconnect", (reason) => this.gone(socket.id, reason));
  }
  gone(id: string, reason: DisconnectReason): string {
    return `${id}: ${reason}`;
  }
  room(name: string): Namespace<In, Out, Empty, Data> {
    return this.io.of(`/${name}`);
  }
}

// biome-ignore lint/complexity/noBannedTypes: so the documentation of Socket.IO writes it
type Empty = {};
interface Events {
  [name: string]: (...args: Any[]) => void;
}

interface Chat {
  [name: string]: (...args: Any[]) => void;
  message: (text: string) => void;
}

class ChatGateway extends Gateway<Chat, Chat, { name: string }> {
  override connected(socket: Socket<Chat, Chat, Empty, { name: string }>): void {
    super.connected(socket);
    socket.data.name = "anna";
    socket.on("message", (text) => {
      socket.to("lobby").emit("message", text);
      this.io.to(socket.id).emit("message", text.toUpperCase());
    });
  }
}
new ChatGateway(0, { cors: { origin: "*" } }).room("x").emit("message", "hi");

type AppServer = Server<{ a: (n: number) => void }, { b: (s: string) => void }, Empty, { id: number }>;
type AppSocket = Socket<{ a: (n: number) => void }, { b: (s: string) => void }, Empty, { id: number }>;
type Handler = (io: AppServer, socket: AppSocket) => void;

const handlers: Handler[] = [
  (_io, socket) => {
    socket.on("a", (n) => socket.emit("b", String(n + socket.data.id)));
  },
  (io, socket) => {
    socket.on("disconnecting", () => io.to([...socket.rooms]).emit("b", socket.id));
  },
];
const io: AppServer = new Server();
io.on("connection", (socket) => {
  for (const handler of handlers) handler(io, socket);
});
io.use((socket, next) => {
  socket.data = { id: 1 };
  next();
});

const reasons: Partial<Record<DisconnectReason, string>> = {
  "transport close": "left",
  "ping timeout": "lost",
  "client namespace disconnect": "said goodbye",
};
io.on("connection", (socket) => socket.on("disconnect", (reason) => console.log(reasons[reason] ?? reason)));

/** Promises of handlers. */
io.on("connection", async (socket) => {
  await socket.join("a");
  await Promise.all([socket.join("b"), socket.leave("c")]);
  socket.on("a", async (n) => {
    await Promise.resolve(n);
  });
});
