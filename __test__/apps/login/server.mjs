// A login by express-session: the socket knows the session of the page, counts in it, and ends at the logout.

import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import { Server } from "socket.io";

const app = express();
const server = createServer(app);
const sessions = session({ secret: "not a secret here", resave: false, saveUninitialized: true });

app.use(sessions);
app.use(express.json());
app.post("/login", (req, res) => {
  req.session.regenerate(() => {
    req.session.user = req.body.user;
    res.json({ user: req.session.user });
  });
});
app.get("/me", (req, res) => res.json({ user: req.session.user, count: req.session.count ?? 0 }));
app.post("/logout", (req, res) => {
  const { id } = req.session;
  req.session.destroy(() => {
    io.in(id).disconnectSockets();
    res.status(204).end();
  });
});

const io = new Server(server);
io.engine.use(sessions);

io.use((socket, next) => {
  if (socket.request.session.user) next();
  else next(new Error("unauthorized"));
});

io.on("connection", (socket) => {
  const { request } = socket;
  socket.join(request.session.id);
  socket.emit("hello", request.session.user);

  socket.on("count", (done) => {
    request.session.reload((error) => {
      if (error) return socket.disconnect();
      request.session.count = (request.session.count ?? 0) + 1;
      request.session.save(() => done(request.session.count));
    });
  });
});

server.listen(process.env.PORT ?? 3000, () => console.log("listening on %d", server.address().port));
