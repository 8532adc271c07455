// socket.io on ws, as it comes; with the argument `uws`, on uWebSockets.js. `join` puts every client into the room "bench".
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server } from "socket.io";
import { serve } from "./harness.mjs";

const require = createRequire(import.meta.url);
const io = new Server({ serveClient: false });

io.on("connection", (socket) => {
  if (process.argv.includes("join")) socket.join("bench");
  socket.on("join:room", ({ roomId }, answer) => {
    socket.join(roomId);
    answer({ ok: true });
  });
  socket.on("echo", (_data, answer) => answer({ ok: true }));
});

function listenOnNode() {
  const http = createServer();
  io.attach(http);
  return new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve(http.address().port)));
}

function listenOnUws() {
  const uws = require("@trufflesuite/uws-js-unofficial");
  const app = uws.App();
  io.attachApp(app);
  return new Promise((resolve) => app.listen("127.0.0.1", 0, (token) => resolve(uws.us_socket_local_port(token))));
}

const version = (name) => require(`${name}/package.json`).version;
const uws = process.argv.includes("uws");
serve({
  port: await (uws ? listenOnUws() : listenOnNode()),
  path: "/socket.io/",
  versions: {
    "socket.io": version("socket.io"),
    ...(uws ? { "uWebSockets.js": version("@trufflesuite/uws-js-unofficial") } : { ws: version("ws") }),
  },
  members: (room) => (room ? io.sockets.adapter.rooms.get(room)?.size : io.sockets.sockets.size) ?? 0,
  emit: (room, name, data) => (room ? io.to(room) : io).emit(name, data),
});
