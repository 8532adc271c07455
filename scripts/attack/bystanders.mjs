// Ten clients that behave, each asking all the time: the official client on both transports, or plain HTTP for a server
// that knows nothing else.

import { Agent, get } from "node:http";
import { io } from "socket.io-client";

const COUNT = 10;
const EVERY = 40;

/** What clients see. `ask(client)` sends a question; `answered(client)` and `dropped()` tell. */
class Watch {
  #latencies = [];
  #asked = Array(COUNT).fill(undefined);
  #dropped = 0;
  #timers = [];
  #ask;

  constructor(ask) {
    this.#ask = ask;
  }

  /** A client is in, and asks from now on. */
  begin(client) {
    const turn = () => {
      if (this.#asked[client] !== undefined || !this.#ask(client)) return;
      this.#asked[client] = performance.now();
    };
    this.#timers.push(setInterval(turn, EVERY));
  }

  answered(client) {
    if (this.#asked[client] !== undefined) this.#note(client);
    this.#asked[client] = undefined;
  }

  dropped() {
    this.#dropped++;
  }

  /** A late answer delays the questions behind it, too: each of them counts. */
  #note(client) {
    for (let late = performance.now() - this.#asked[client]; late > 0; late -= EVERY) {
      this.#latencies.push({ client, late });
    }
  }

  /** Since it was called before: latencies in ms of all, the p99 of those that `among` chooses, and who was dropped. */
  measure(among = () => true) {
    this.#asked.forEach((since, client) => {
      if (since !== undefined && performance.now() - since > EVERY) this.#note(client);
    });
    const part = (latencies, part) => {
      const sorted = latencies.map(({ late }) => late).sort((a, b) => a - b);
      return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    };
    const all = this.#latencies;
    const judged = part(
      all.filter(({ client }) => among(client)),
      0.99,
    );
    const seen = { p50: part(all, 0.5), p99: part(all, 0.99), max: part(all, 1), judged, dropped: this.#dropped };
    this.#latencies = [];
    this.#dropped = 0;
    return seen;
  }

  close() {
    for (const timer of this.#timers) clearInterval(timer);
  }
}

/** Whether a client of `bystanders` has a WebSocket; the others poll. */
export const hasWebSocket = (client) => client < 7;

/** Ten real-time clients; `measure()` gives what they saw since it was called before. */
export async function bystanders(port) {
  const clients = Array.from({ length: COUNT }, (_, i) =>
    io(`http://127.0.0.1:${port}`, {
      path: "/api/ws",
      transports: hasWebSocket(i) ? ["websocket"] : ["polling"],
      forceNew: true,
      reconnection: false,
    }),
  );
  const watch = new Watch((i) => clients[i].connected && clients[i].emit("heartbeat"));
  await Promise.all(
    clients.map(async (client, i) => {
      await new Promise((resolve, reject) => {
        client.once("connect", resolve);
        client.once("connect_error", reject);
      });
      client.on("pong", () => watch.answered(i));
      client.on("disconnect", () => watch.dropped());
      watch.begin(i);
    }),
  );
  return {
    measure: (among) => watch.measure(among),
    close() {
      watch.close();
      for (const client of clients) client.disconnect();
    },
  };
}

/** Ten HTTP clients with a connection each, for a bare HTTP server. */
export async function visitors(port) {
  const agents = Array.from({ length: COUNT }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const watch = new Watch((i) =>
    get({ port, host: "127.0.0.1", agent: agents[i] }, (response) => {
      response.resume().once("end", () => watch.answered(i));
    }).once("error", () => watch.dropped()),
  );
  for (let i = 0; i < COUNT; i++) watch.begin(i);
  return {
    measure: () => watch.measure(),
    close() {
      watch.close();
      for (const agent of agents) agent.destroy();
    },
  };
}
