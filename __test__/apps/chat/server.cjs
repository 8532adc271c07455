// A chat: names, messages, who is typing, how many are there. The page and the client's file come from here.

const fs = require("node:fs");
const path = require("node:path");
const express = require("express");

const app = express();
const server = require("node:http").createServer(app);
const io = require("socket.io")(server);

app.get("/", (_req, res) => {
  res.type("html").send(fs.readFileSync(path.join(__dirname, "index.html"), "utf8"));
});

let users = 0;

io.on("connection", (socket) => {
  let named = false;

  socket.on("new message", (text) => {
    socket.broadcast.emit("new message", { username: socket.username, message: text });
  });

  socket.on("add user", (username) => {
    if (named) return;
    socket.username = username;
    named = true;
    users++;
    socket.emit("login", { users });
    socket.broadcast.emit("user joined", { username, users });
  });

  socket.on("typing", () => {
    socket.broadcast.emit("typing", { username: socket.username });
  });
  socket.on("stop typing", () => {
    socket.broadcast.emit("stop typing", { username: socket.username });
  });

  socket.on("disconnect", () => {
    if (!named) return;
    users--;
    socket.broadcast.emit("user left", { username: socket.username, users });
  });
});

server.listen(process.env.PORT || 3000, () => {
  console.log("listening on %d", server.address().port);
});
