// A namespace for each tenant, made when its first user comes with a key that fits, and gone with the last.

import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, { cleanupEmptyChildNamespaces: true });
const keys = { acme: "a", globex: "g" };

const tenants = io.of(/^\/tenant-\w+$/);
tenants.use((socket, next) => {
  const tenant = socket.nsp.name.slice("/tenant-".length);
  if (keys[tenant] === undefined) return next(new Error("no such tenant"));
  if (socket.handshake.auth.key !== keys[tenant]) {
    return next(Object.assign(new Error("wrong key"), { data: { tenant } }));
  }
  socket.data.tenant = tenant;
  next();
});
tenants.on("connection", (socket) => {
  const tenant = socket.nsp;
  socket.join("office");
  socket.emit("welcome", { tenant: socket.data.tenant, namespace: tenant.name });
  socket.on("say", (text) => tenant.to("office").emit("said", text));
  socket.on("how many", (done) => done(tenant.sockets.size));
});

// One namespace for each number of a channel that is open.
const channels = io.of((name, auth, next) => {
  next(null, /^\/channel-\d+$/.test(name) && auth.open === true);
});
channels.on("connection", (socket) => {
  socket.on("say", (text) => socket.nsp.emit("said", text));
});

const opened = [];
io.on("new_namespace", (namespace) => opened.push(namespace.name));

io.on("connection", (socket) => {
  socket.on("tell every tenant", (text) => tenants.emit("said", text));
  socket.on("opened", (done) => done([...opened].sort()));
  socket.on("open now", (done) => done([...io._nsps.keys()].sort()));
});

server.listen(process.env.PORT ?? 3000, () => console.log("listening on %d", server.address().port));
