// Without types of events: anything goes, as in JavaScript.

import { createServer } from "node:http";
import {
  type BroadcastOperator,
  type DefaultEventsMap,
  type ExtendedError,
  type Namespace,
  Server,
  type Socket,
} from "socket.io";
import { type Any, equal, type Same } from "./support.js";

const io = new Server(createServer(), { cors: { origin: "https://app.example" }, path: "/x", pingInterval: 100 });
const onPort = new Server(3000);
const later = new Server({ transports: ["websocket"] });
later.attach(createServer());
later.attach(3000);
later.listen(3000);
onPort.close();
onPort.close((error) => equal<Same<typeof error, Error | undefined>>(true));

io.on("connection", (socket) => {
  equal<Same<typeof socket, Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Any>>>(true);
  equal<Same<typeof socket.data, Any>>(true);
  socket.on("anything", (a, b, c) => {
    equal<Same<typeof a, Any>>(true);
    socket.emit("anything", a, b, c);
  });
  socket.on("with types", async (text: string, answer: (n: number) => void) => answer(text.length));
  socket.emit("ask", 1, (answer: string) => answer.length);
  socket.timeout(10).emit("ask", (error: Error | null, answer: string) => [error, answer]);
  socket.send("a", 1).write({});
  broadcast(socket.broadcast);
  takesASocket(socket);
  takesANamespace(socket.nsp);
});

/** Functions of an application take the plain types. */
function takesASocket(socket: Socket): string {
  return socket.id;
}
function takesANamespace(namespace: Namespace): string {
  return namespace.name;
}
function takesAServer(server: Server): void {
  server.emit("anything", 1);
}
function broadcast(operator: BroadcastOperator<DefaultEventsMap, Any>): boolean {
  return operator.to("a").emit("anything", 1, [2]);
}

takesAServer(io);
takesANamespace(io.of("/x"));
broadcast(io.to("a"));
io.emit("anything");
io.emit("anything", 1, "2", [3], null);
io.of("/x", (socket) => socket.emit("hi")).emit("anything", 1);
io.send(1).write(2);

io.use((socket, next) => {
  const error: ExtendedError = new Error("no");
  error.data = { code: 7 };
  if (socket.handshake.auth.token) next();
  else next(error);
});
io.use(async (socket, next) => {
  socket.data.user = await Promise.resolve("anna");
  next();
});
io.of("/x").use((_socket, next) => next(new Error("no")));

io.of("/x").sockets.get("id")?.disconnect(true);
equal<Same<typeof io.sockets.sockets, Map<string, Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, Any>>>>(
  true,
);

enum Names {
  CONNECTION = "connection",
  HI = "hi",
}
io.on(Names.CONNECTION, (socket) => {
  takesASocket(socket);
  socket.on(Names.HI, (a) => equal<Same<typeof a, Any>>(true));
});
