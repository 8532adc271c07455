// uWebSockets.js alone: its own publish and subscribe, and only as much of the Socket.IO protocol as the clients here need.
import { createRequire } from "node:module";
import { serve } from "./harness.mjs";

const require = createRequire(import.meta.url);
const uws = require("@trufflesuite/uws-js-unofficial");
const everybody = "*";
let count = 0;

const open = JSON.stringify({ sid: "uws", upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 });
const app = uws.App().ws("/socket.io/*", {
  idleTimeout: 0,
  maxBackpressure: 64 * 1024 * 1024,
  open(ws) {
    count++;
    ws.send(`0${open}`);
  },
  message(ws, bytes) {
    const text = Buffer.from(bytes).toString();
    if (text === "40") {
      ws.subscribe(everybody);
      if (process.argv.includes("join")) ws.subscribe("bench");
      ws.send('40{"sid":"uws"}');
    } else if (text.startsWith("421")) {
      const [name, { roomId }] = JSON.parse(text.slice(3));
      if (name === "join:room") ws.subscribe(roomId);
      ws.send('431[{"ok":true}]');
    }
  },
  close() {
    count--;
  },
});

const port = await new Promise((resolve) =>
  app.listen("127.0.0.1", 0, (token) => resolve(uws.us_socket_local_port(token))),
);
serve({
  port,
  path: "/socket.io/",
  versions: { "uWebSockets.js": require("@trufflesuite/uws-js-unofficial/package.json").version },
  members: (room) => (room ? app.numSubscribers(room) : count),
  emit: (room, name, data) => app.publish(room || everybody, `42${JSON.stringify([name, data])}`),
});
