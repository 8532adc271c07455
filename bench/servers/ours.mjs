// nself-realtime with its nself layer: `listen` (Rust owns the port) or `attach` (the port is Node's).
// `join` puts every client into the room "bench"; without it no JavaScript listens to the clients at all.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { attach, emitServiceStatus, listen } from "../../dist/esm/server/index.js";
import { bareEvent, serve } from "./harness.mjs";

const path = "/api/ws";
// All clients come from one address, and say more than people do; the buckets are used, but never empty.
const lots = { eventsPerSecond: 1_000_000, burst: 1_000_000 };
const rateLimit = { ...lots, perUser: lots, perAddress: lots, handshakes: { perSecond: 1_000_000 } };
const limits = { rateLimit, maxConnectionsPerAddress: 1_000_000 };
let port;
let realtime;
if (process.argv.includes("attach")) {
  const http = createServer();
  realtime = attach(http, { path, ...limits });
  port = await new Promise((resolve) => http.listen(0, "127.0.0.1", () => resolve(http.address().port)));
} else {
  realtime = await listen({ port: 0, host: "127.0.0.1", path, ...limits });
  port = realtime.port;
}
const io = realtime.getIO();
if (process.argv.includes("join")) {
  io.on("connection", (socket) => {
    socket.join("bench");
    socket.on("echo", (_data, answer) => answer({ ok: true }));
  });
}

const status = {
  service: "api",
  status: "running",
  timestamp: "2026-01-01T00:00:00.000Z",
  containerId: "4f1c1a2b3c4d",
};
serve({
  port,
  path: `${path}/`,
  versions: {
    "nself-realtime": JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version,
  },
  members: (room) => (room ? realtime.getRoomMembers(room).length : realtime.getPresence().length),
  emit: (room, name, data) => (room ? io.to(room) : io).emit(name, data),
  kinds: {
    batch: { make: bareEvent, emit: (room, data) => realtime.batchEvent(room, "logs:stream", data) },
    typed: {
      make: () => ({ ...status }),
      emit: (room, data) => (room ? emitServiceStatus(data, room) : emitServiceStatus(data)),
    },
  },
});
