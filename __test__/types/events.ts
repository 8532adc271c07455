// Events by name: what each way of listening and emitting takes and gives.

import { type BroadcastOperator, type DisconnectReason, Server, type Socket } from "socket.io";
import { type Any, type Event, equal, type Same } from "./support.js";

interface ToServer {
  hello: (name: string) => void;
  save: (id: number, done: (ok: boolean) => void) => void;
}
interface ToClient {
  tick: () => void;
  news: (title: string, votes: number) => void;
  ask: (question: string, answer: (text: string, sure: boolean) => void) => void;
  poke: (done: () => void) => void;
}
interface User {
  name: string;
}

const io = new Server<ToServer, ToClient, Record<string, never>, User>();

io.on("connection", (socket) => {
  equal<Same<typeof socket, Socket<ToServer, ToClient, Record<string, never>, User>>>(true);
  socket.on("hello", (name) => equal<Same<typeof name, string>>(true));
  socket.once("save", (id, done) => {
    equal<Same<typeof id, number>>(true);
    equal<Same<typeof done, (ok: boolean) => void>>(true);
    done(true);
  });
  socket.on("disconnect", (reason) => equal<Same<typeof reason, DisconnectReason>>(true));
  socket.on("disconnecting", (reason) => equal<Same<typeof reason, DisconnectReason>>(true));
  socket.on("error", (error) => equal<Same<typeof error, Error>>(true));
  equal<Same<typeof socket.data, User>>(true);
  socket.data.name = "anna";
  // @ts-expect-error: no such event
  socket.on("nothing", () => {});
  // @ts-expect-error: only the server sends it
  socket.on("news", () => {});
  // @ts-expect-error: no listener
  socket.on("hello");
  // @ts-expect-error: too many parameters
  socket.on("hello", (_a: string, _b: string) => {});
  // @ts-expect-error: another type
  socket.on("hello", (_a: number) => {});
  // @ts-expect-error: no such field
  socket.data.age = 3;

  socket.emit("tick");
  socket.emit("news", "a", 1);
  socket.emit("ask", "why", (text, sure) => {
    equal<Same<typeof text, string>>(true);
    equal<Same<typeof sure, boolean>>(true);
  });
  // @ts-expect-error: an argument is missing
  socket.emit("news", "a");
  // @ts-expect-error: no such event
  socket.emit("hello", "a");
  // @ts-expect-error: another type
  socket.emit("news", 1, "a");

  socket.timeout(10).emit("ask", "why", (error, text, sure) => {
    equal<Same<typeof error, Error>>(true);
    equal<Same<typeof text, string>>(true);
    equal<Same<typeof sure, boolean>>(true);
  });
  socket.timeout(10).emit("poke", (error) => equal<Same<typeof error, Error>>(true));

  const answer = socket.emitWithAck("ask", "why");
  equal<Same<typeof answer, Promise<string>>>(true);
  const later = socket.timeout(10).emitWithAck("ask", "why");
  equal<Same<typeof later, Promise<string>>>(true);
  // @ts-expect-error: nobody answers it
  socket.emitWithAck("news", "a", 1);
  // @ts-expect-error: an argument is missing
  socket.emitWithAck("ask");

  socket.broadcast.emit("news", "a", 1);
  socket.to("room").to(["a", "b"]).except("c").volatile.emit("tick");
  socket
    .in("room")
    .timeout(10)
    .emit("ask", "why", (error, texts) => {
      equal<Same<typeof error, Error>>(true);
      equal<Same<typeof texts, string[]>>(true);
    });
  // @ts-expect-error: another type
  socket.broadcast.emit("news", 1, "a");

  socket.onAny((event, ...args) => [event, ...args]);
  socket.onAnyOutgoing((event, ...args) => [event, ...args]);
  socket
    .offAny()
    .offAnyOutgoing()
    .prependAny(() => {})
    .prependAnyOutgoing(() => {});
  socket.use((event, next) => {
    equal<Same<typeof event, Event>>(true);
    next();
    next(new Error("no"));
  });
  equal<Same<typeof socket.rooms, Set<string>>>(true);
  equal<Same<typeof socket.id, string>>(true);
  equal<Same<typeof socket.recovered, boolean>>(true);
  equal<Same<typeof socket.connected, boolean>>(true);
  equal<Same<typeof socket.disconnected, boolean>>(true);
  equal<Same<typeof socket.handshake.auth, { [key: string]: Any }>>(true);
  equal<Same<typeof socket.handshake.query.token, string | string[] | undefined>>(true);
  equal<Same<typeof socket.handshake.headers.cookie, string | undefined>>(true);
  socket.join("a");
  socket.join(["a", "b"]);
  socket.leave("a");
  // @ts-expect-error: rooms have names
  socket.join(1);
  socket.compress(true).volatile.emit("tick");
  socket.disconnect().disconnect(true);
});

io.on("connect", (socket) => equal<Same<typeof socket.data, User>>(true));
io.on("new_namespace", (namespace) => equal<Same<typeof namespace.name, string>>(true));

io.emit("tick");
io.emit("news", "a", 1);
// @ts-expect-error: everybody would have to answer, for which there is timeout()
io.emit("ask", "why", () => {});
// @ts-expect-error: the same
io.emit("poke", () => {});
// @ts-expect-error: another type
io.emit("news", 1, "a");
// @ts-expect-error: no "message" in this map
io.send("a");

for (const all of [io.of("/"), io.sockets]) {
  all.emit("tick");
  all.emit("news", "a", 1);
  // @ts-expect-error: everybody would have to answer, for which there is timeout()
  all.emit("ask", "why", () => {});
  // @ts-expect-error: the same
  all.emit("poke", () => {});
  // @ts-expect-error: another type
  all.emit("news", 1, "a");
  // @ts-expect-error: no "message" in this map
  all.send("a");
}

for (const all of [io, io.of("/"), io.sockets]) {
  all.timeout(10).emit("ask", "why", (error, texts) => {
    equal<Same<typeof error, Error>>(true);
    equal<Same<typeof texts, string[]>>(true);
  });
  all.to("a").emit("news", "a", 1);
  all.in(["a"]).except(["b"]).local.volatile.compress(false).emit("tick");
  all.socketsJoin("a");
  all.socketsLeave(["a"]);
  all.disconnectSockets();
  all.disconnectSockets(true);
}

/** Of many: acknowledgements are lists. */
interface OfMany {
  tick: () => void;
  news: (title: string, votes: number) => void;
  ask: (question: string, answer: (text: string[]) => void) => void;
  poke: (done: () => void) => void;
}
interface OfManyInTime {
  tick: () => void;
  news: (title: string, votes: number) => void;
  ask: (question: string, answer: (error: Error, text: string[]) => void) => void;
  poke: (done: (error: Error) => void) => void;
}
const some: BroadcastOperator<OfMany, User> = io.to("a");
const inTime: BroadcastOperator<OfManyInTime, User> = io.to("a").timeout(5);
some.emit("tick");
inTime.emit("tick");

const messages = new Server<Record<string, never>, { message: (text: string, n: number) => void }>();
messages.send("a", 1).write("a", 1);
messages.of("/x").send("a", 1);
// @ts-expect-error: an argument is missing
messages.send("a");
