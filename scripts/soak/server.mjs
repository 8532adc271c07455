// The server of the soak test. It emits bursts while it is told to, and tells what it holds.

import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import {
  attach,
  emitBuildProgress,
  emitDbQueryResult,
  emitDeployProgress,
  emitDockerStats,
  emitLogStream,
  emitServiceStatus,
} from "nself-realtime";
import { between, FLOOD, pause, pick, ROOMS } from "./rooms.mjs";

const http = createServer((_request, response) => response.writeHead(404).end());
const server = attach(http, {
  // Short, so that clients that were killed are found soon.
  pingInterval: 2000,
  pingTimeout: 2000,
  maxOutbox: 64 * 1024,
  // All clients come from one address here.
  rateLimit: { perAddress: false, handshakes: false },
  presence: { staleAfter: 10_000, sweepInterval: 1000, grace: 300 },
  authenticate: async ({ auth }) => {
    await pause(between(0, 10));
    return { userId: auth.user };
  },
});
// JavaScript knows of every socket, so that a leak of its objects shows, too.
server.getIO().on("connection", (socket) => socket.on("echo", (text) => socket.emit("echo", text)));

const lines = new Map();
let producers = 0;
let emitting;

const timestamp = () => new Date().toISOString();

function line(room, size) {
  const n = lines.get(room) ?? 0;
  lines.set(room, n + 1);
  emitLogStream({ service: "soak", line: `${n} ${"x".repeat(size)}`, timestamp: timestamp() }, room);
}

const status = "running";
const progress = "in-progress";
const pad = (most) => "x".repeat(between(0, most));
/** To a room, or to everybody: without one. */
const kinds = [
  ([room]) => line(room, between(0, 300)),
  ([room]) => line(room, between(0, 300)),
  ([room]) => line(room, between(0, 300)),
  (to) => emitServiceStatus({ service: pick(ROOMS), status, timestamp: timestamp() }, ...to),
  (to) =>
    emitBuildProgress(
      { step: "build", progress: 50, status: progress, message: pad(200), timestamp: timestamp() },
      ...to,
    ),
  (to) =>
    emitDeployProgress(
      { stage: "push", environment: "staging", status: progress, logs: [pad(100)], timestamp: timestamp() },
      ...to,
    ),
  (to) =>
    emitDockerStats(
      {
        containerId: pick(ROOMS),
        containerName: pad(100),
        stats: {
          cpu: 1,
          memory: 1,
          memoryLimit: 1,
          memoryPercent: 1,
          network: { rx: 1, tx: 1 },
          blockIO: { read: 1, write: 1 },
        },
        timestamp: timestamp(),
      },
      ...to,
    ),
  (to) =>
    emitDbQueryResult(
      { queryId: "q", rows: [{ text: pad(2000) }], rowCount: 1, fields: [], executionTime: 1, timestamp: timestamp() },
      ...to,
    ),
];

server.whileWatched("*", (room) => {
  producers++;
  const flood =
    room === FLOOD
      ? setInterval(() => {
          for (let i = 0; i < 100; i++) line(room, 2000);
        }, 50)
      : undefined;
  return () => {
    producers--;
    clearInterval(flood);
  };
});

function held() {
  const { eventLoopDelay: _, packetsPerWrite: __, emitToWrite: ___, takeover: ____, ...stats } = server.stats();
  const fds = process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0;
  const sockets = server.getIO().sockets.sockets.size;
  return { ...stats, producers, objects: sockets, fds, rss: process.memoryUsage.rss() };
}

const commands = {
  emit() {
    emitting = setInterval(() => {
      const to = Math.random() < 0.05 ? [] : [pick(ROOMS)];
      for (let i = between(1, 40); i > 0; i--) pick(to.length === 0 ? kinds.slice(3) : kinds)(to);
    }, 40);
  },
  rest() {
    clearInterval(emitting);
  },
  collect() {
    globalThis.gc();
  },
  report() {
    process.send({ report: held() });
  },
};

process.on("message", (command) => commands[command]());
process.on("disconnect", () => process.exit());
http.listen(0, "127.0.0.1", () => process.send({ port: http.address().port }));
