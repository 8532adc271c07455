// Private messages: a session per user, who is there, history for who comes back, recovery of short cuts.

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server, {
  cors: { origin: "http://localhost:8080" },
  connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: true },
  pingInterval: 5000,
});

const randomId = () => randomBytes(8).toString("hex");
const sessions = new Map();
const messages = [];

io.use((socket, next) => {
  const { sessionID, username } = socket.handshake.auth;
  const session = sessions.get(sessionID);
  if (session) {
    Object.assign(socket, { sessionID, userID: session.userID, username: session.username });
    return next();
  }
  if (!username) return next(new Error("invalid username"));
  Object.assign(socket, { sessionID: randomId(), userID: randomId(), username });
  next();
});

io.on("connection", (socket) => {
  if (socket.recovered) {
    socket.emit("recovered", socket.data.userID);
    Object.assign(socket, socket.data);
  } else {
    const { sessionID, userID, username } = socket;
    socket.data = { sessionID, userID, username };
    sessions.set(sessionID, { userID, username, connected: true });
    socket.emit("session", { sessionID, userID });
    socket.join(userID);
    const users = [];
    for (const other of sessions.values()) {
      const own = messages.filter(({ from, to }) => [from, to].includes(userID) && [from, to].includes(other.userID));
      users.push({ ...other, messages: own });
    }
    socket.emit("users", users);
    socket.broadcast.emit("user connected", { userID, username });
  }

  socket.on("private message", ({ content, to }) => {
    const message = { content, from: socket.userID, to };
    socket.to(to).to(socket.userID).emit("private message", message);
    messages.push(message);
  });

  // The client asks to be cut off, as a network would.
  socket.on("cut", () => socket.conn.close());

  socket.on("disconnect", async () => {
    const matching = await io.in(socket.userID).fetchSockets();
    if (matching.length > 0) return;
    socket.broadcast.emit("user disconnected", socket.userID);
    sessions.set(socket.sessionID, { userID: socket.userID, username: socket.username, connected: false });
  });
});

server.listen(process.env.PORT ?? 3000, () => console.log("listening on %d", server.address().port));
