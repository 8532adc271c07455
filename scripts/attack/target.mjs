// The server that is attacked, with its defaults. argv: attach or listen.

import { createServer } from "node:http";
import { attach, getWebSocketServer, listen } from "../../dist/esm/server/index.js";

const options = { logLevel: "off" };
let port;
if (process.argv[2] === "attach") {
  const http = createServer((_, response) => response.end("application"));
  attach(http, options);
  port = await new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve(http.address().port)));
} else {
  port = (await listen({ port: 0, host: "127.0.0.1", ...options })).port;
}
getWebSocketServer()
  .getIO()
  .on("connection", (socket) => {
    socket.on("ask", () => socket.timeout(1000).emit("question", () => {}));
    socket.on("silent", () => {});
    socket.on("x", () => {});
  });

process.on("message", () => {
  globalThis.gc?.();
  const { connections, refused, limited, floods } = getWebSocketServer().stats();
  process.send({
    rss: process.memoryUsage().rss,
    open: connections.polling + connections.websocket,
    refused: Object.values(refused).reduce((sum, count) => sum + count),
    limited: Object.values(limited).reduce((sum, count) => sum + count),
    floods,
    polluted: {}.polluted !== undefined,
  });
});
process.on("disconnect", () => process.exit());
process.send({ port });
