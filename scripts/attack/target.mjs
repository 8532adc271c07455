// The server that is attacked, with its defaults. argv: attach, listen, or bare: an HTTP server of Node alone.

import { createServer } from "node:http";
import { attach, getWebSocketServer, listen } from "../../dist/esm/server/index.js";

const options = { logLevel: "off" };
let port;
const mode = process.argv[2];
if (mode !== "listen") {
  const http = createServer((_, response) => response.end("application"));
  if (mode === "attach") attach(http, options);
  port = await new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve(http.address().port)));
} else {
  port = (await listen({ port: 0, host: "127.0.0.1", ...options })).port;
}
if (mode !== "bare") {
  getWebSocketServer()
    .getIO()
    .on("connection", (socket) => {
      socket.on("ask", () => socket.timeout(1000).emit("question", () => {}));
      socket.on("silent", () => {});
      socket.on("x", () => {});
    });
}

process.on("message", () => {
  globalThis.gc?.();
  const { rss } = process.memoryUsage();
  if (mode === "bare") return process.send({ rss });
  const { connections, refused, limited, floods } = getWebSocketServer().stats();
  process.send({
    rss,
    open: connections.polling + connections.websocket,
    refused: Object.values(refused).reduce((sum, count) => sum + count),
    limited: Object.values(limited).reduce((sum, count) => sum + count),
    floods,
    polluted: {}.polluted !== undefined,
  });
});
process.on("disconnect", () => process.exit());
process.send({ port });
