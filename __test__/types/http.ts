// Cross-origin access by functions and expressions, and the client's files.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
new Server(http, {
  cors: { origin: ["https://app.example", /\.example$/], methods: ["GET", "POST"], credentials: true },
});
new Server(http, { cors: { origin: /\.example$/ } });
new Server(http, {
  cors: { origin: (origin, allow) => allow(null, origin === undefined || origin.endsWith(".example")) },
});
new Server(http, { cors: (_request, decide) => decide(null, { origin: "*" }) });
const io = new Server(http, { serveClient: true });
io.serveClient(true).path("/ws");
