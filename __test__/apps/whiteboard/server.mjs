// A whiteboard: strokes go to the others, cursors may be lost, who comes later gets the board as a picture.

import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer((_req, res) => res.writeHead(404).end("nothing here"));
const io = new Server(server, { maxHttpBufferSize: 2e6, cors: { origin: "*" } });

const strokes = [];
let picture = null;

io.on("connection", (socket) => {
  socket.emit("board", { strokes, picture });

  socket.on("drawing", (stroke) => {
    strokes.push(stroke);
    socket.broadcast.emit("drawing", stroke);
  });
  socket.on("cursor", (at) => {
    socket.volatile.broadcast.emit("cursor", { id: socket.id, ...at });
  });
  socket.on("picture", (bytes, saved) => {
    if (!Buffer.isBuffer(bytes)) return saved("not a picture");
    picture = bytes;
    strokes.length = 0;
    io.emit("picture", bytes);
    saved(null, bytes.length);
  });
  socket.on("clear", () => {
    strokes.length = 0;
    picture = null;
    io.emit("clear");
  });
  socket.on("disconnecting", () => socket.broadcast.emit("cursor gone", socket.id));
});

server.listen(process.env.PORT ?? 3000, () => console.log("listening on %d", server.address().port));
