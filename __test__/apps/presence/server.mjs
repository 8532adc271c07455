// Who is where: lists by fetchSockets, rooms by the adapter, a moderator who moves and removes people.

import { Server } from "socket.io";

const io = new Server({ cors: { origin: ["https://app.example"] } });
const isRoom = (name) => name.startsWith("room:");

async function list(room) {
  const sockets = await io.in(room).fetchSockets();
  return sockets.map(({ id, data, rooms }) => ({ id, name: data.name, rooms: [...rooms].filter(isRoom).sort() }));
}
async function announce(room) {
  io.to(room).emit("members", room, (await list(room)).map(({ name }) => name).sort());
}

io.of("/").adapter.on("create-room", (room) => {
  if (isRoom(room)) io.emit("room opened", room);
});
io.of("/").adapter.on("delete-room", (room) => {
  if (isRoom(room)) io.emit("room closed", room);
});

io.use((socket, next) => {
  socket.data.name = socket.handshake.query.name;
  next(socket.data.name ? undefined : new Error("who are you?"));
});

io.on("connection", (socket) => {
  socket.on("enter", async (name, done) => {
    const room = `room:${name}`;
    await socket.join(room);
    await announce(room);
    done([...socket.rooms].filter(isRoom));
  });
  socket.on("leave", async (name, done) => {
    const room = `room:${name}`;
    await socket.leave(room);
    await announce(room);
    done();
  });
  socket.on("who", async (done) => {
    const all = await io.fetchSockets();
    done(all.map(({ data }) => data.name).sort(), io.engine.clientsCount, io.of("/").sockets.size);
  });
  socket.on("rooms", (done) => {
    const rooms = [...io.of("/").adapter.rooms].filter(([room]) => isRoom(room));
    done(Object.fromEntries(rooms.map(([room, ids]) => [room, ids.size])));
  });
  socket.on("details", async (name, done) => done(await list(`room:${name}`)));
  socket.on("move", async (from, to, done) => {
    io.in(`room:${from}`).socketsJoin(`room:${to}`);
    io.in(`room:${from}`).socketsLeave(`room:${from}`);
    await announce(`room:${to}`);
    done();
  });
  socket.on("remove", async (name, done) => {
    const found = (await io.fetchSockets()).filter(({ data }) => data.name === name);
    for (const other of found) {
      other.emit("removed", `by ${socket.data.name}`);
      other.disconnect(true);
    }
    done(found.length);
  });
  socket.on("disconnecting", () => {
    for (const room of socket.rooms) if (isRoom(room)) socket.to(room).emit("left", room, socket.data.name);
  });
});

io.listen(Number(process.env.PORT ?? 3000));
io.httpServer.once("listening", () => console.log("listening on %d", io.httpServer.address().port));
