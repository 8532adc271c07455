// Ten clients that behave: the official client on both transports, each asking for a pong all the time.

import { io } from "socket.io-client";

const EVERY = 40;

/** Connects ten clients; `measure()` gives what they saw since it was called before. */
export async function bystanders(port) {
  const clients = Array.from({ length: 10 }, (_, i) =>
    io(`http://127.0.0.1:${port}`, {
      path: "/api/ws",
      transports: i < 7 ? ["websocket"] : ["polling"],
      forceNew: true,
      reconnection: false,
    }),
  );
  let latencies = [];
  let dropped = 0;
  const timers = [];
  await Promise.all(
    clients.map(async (client) => {
      await new Promise((resolve, reject) => {
        client.once("connect", resolve);
        client.once("connect_error", reject);
      });
      let asked;
      client.on("pong", () => {
        if (asked !== undefined) latencies.push(performance.now() - asked);
        asked = undefined;
      });
      client.on("disconnect", () => dropped++);
      timers.push(
        setInterval(() => {
          if (asked !== undefined || !client.connected) return;
          asked = performance.now();
          client.emit("heartbeat");
        }, EVERY),
      );
    }),
  );
  return {
    measure() {
      const sorted = latencies.sort((a, b) => a - b);
      const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
      const seen = { pongs: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), dropped };
      latencies = [];
      dropped = 0;
      return seen;
    },
    close() {
      for (const timer of timers) clearInterval(timer);
      for (const client of clients) client.disconnect();
    },
  };
}
