// Of many sockets: lists of them, their acknowledgements, namespaces that are made when clients ask for them.

import { type BroadcastOperator, type DefaultEventsMap, type Namespace, type RemoteSocket, Server } from "socket.io";
import { type Any, equal, type Same } from "./support.js";

interface ToServer {
  hello: (name: string) => void;
}
interface ToClient {
  tick: () => void;
  ask: (question: string, answer: (text: string) => void) => void;
}
interface BetweenServers {
  told: (what: string) => void;
  count: (room: string, answer: (n: number) => void) => void;
}
interface User {
  name: string;
}

const io = new Server<ToServer, ToClient, BetweenServers, User>();

async function lists(): Promise<void> {
  for (const all of [io, io.of("/x"), io.to("a"), io.in(["a"]).except("b")]) {
    const ids: Set<string> = await all.allSockets();
    const sockets = await all.fetchSockets();
    equal<Same<typeof ids, Set<string>>>(true);
    for (const socket of sockets) {
      equal<Same<typeof socket.id, string>>(true);
      equal<Same<typeof socket.data, User>>(true);
      equal<Same<typeof socket.rooms, Set<string>>>(true);
      equal<Same<typeof socket.handshake.address, string>>(true);
      socket.emit("tick");
      socket.join("a");
      socket.join(["a", "b"]);
      socket.leave("a");
      socket.disconnect().disconnect(true);
      // @ts-expect-error: no such event
      socket.emit("hello", "a");
      // @ts-expect-error: it is somewhere else
      socket.on("hello", () => {});
    }
  }
  const fetched = await io.fetchSockets();
  equal<Same<typeof fetched, RemoteSocket<ToClient, User>[]>>(true);
  fetched[0]?.timeout(5).emit("ask", "why", (error, text) => {
    equal<Same<typeof error, Error>>(true);
    equal<Same<typeof text, string>>(true);
  });
  const names: string[] = (await io.in("a").fetchSockets()).map(({ data }) => data.name);
  const known: RemoteSocket<DefaultEventsMap, Any>[] = await new Server().fetchSockets();
  equal<Same<typeof names.length, typeof known.length>>(true);
}

async function answers(): Promise<void> {
  for (const all of [io, io.of("/x"), io.to("a"), io.except("a").volatile]) {
    const texts = await all.timeout(100).emitWithAck("ask", "why");
    equal<Same<typeof texts, string[]>>(true);
    // @ts-expect-error: nobody answers it
    await all.timeout(100).emitWithAck("tick");
    // @ts-expect-error: an argument is missing
    await all.timeout(100).emitWithAck("ask");
  }
  // @ts-expect-error: not without a time
  await io.to("a").emitWithAck("ask", "why");
  io.on("connection", async (socket) => {
    const texts = await socket.broadcast.timeout(100).emitWithAck("ask", "why");
    equal<Same<typeof texts, string[]>>(true);
    const others: BroadcastOperator<Any, User> = socket.to("a");
    others.emit("tick");
  });
  const anything = await new Server().timeout(100).emitWithAck("anything", 1, 2);
  equal<Same<typeof anything, Any>>(true);
}

async function servers(): Promise<void> {
  for (const all of [io.of("/"), io.sockets]) {
    all.serverSideEmit("told", "a");
    all.serverSideEmit("count", "a", (error, counts) => {
      equal<Same<typeof error, Error>>(true);
      equal<Same<typeof counts, number[]>>(true);
    });
    all.on("told", (what) => equal<Same<typeof what, string>>(true));
  }
  io.serverSideEmit("told", "a");
  io.on("count", (room, answer) => answer(room.length));
  const counts = await io.serverSideEmitWithAck("count", "a");
  equal<Same<typeof counts, number[]>>(true);
  // @ts-expect-error: nobody answers it
  await io.serverSideEmitWithAck("told", "a");
  // @ts-expect-error: another type
  io.serverSideEmit("told", 1);
}

function namespaces(): void {
  const parent = io.of(/^\/team-\d+$/);
  parent.use((socket, next) => next(socket.nsp.name.length > 3 ? undefined : new Error("no")));
  parent.on("connection", (socket) => {
    equal<Same<typeof socket.data, User>>(true);
    socket.nsp.emit("tick");
  });
  parent.emit("tick");
  const asked = io.of((name, auth, next) => {
    equal<Same<typeof name, string>>(true);
    if (auth.token === 1) next(null, true);
    else next(new Error("no"), false);
  });
  const both: Namespace<ToServer, ToClient, BetweenServers, User>[] = [parent, asked, io.of("/x")];
  for (const { name, adapter } of both) {
    for (const [room, ids] of adapter.rooms) console.log(name, room.length, ids.has("id"));
    for (const [id, rooms] of adapter.sids) console.log(id.length, rooms.size);
    adapter.on("create-room", (room: string) => console.log(room));
  }
  console.log(io.of("/").adapter.rooms.get("a")?.size ?? 0, io.engine.clientsCount);
}

lists().then(answers).then(servers).then(namespaces);
