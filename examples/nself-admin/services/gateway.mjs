// A reverse proxy under load: requests come in at a steady rate, are passed on to an upstream server, and each one is a line of the access
// log. NSELF_GATEWAY_RATE sets the requests a second, 12 by default.

import { Agent, createServer, request as forward, get } from "node:http";
import { listen } from "./api-server.mjs";
import { runService } from "./service.mjs";

const RATE = Number(process.env.NSELF_GATEWAY_RATE ?? 12);
const TICK = 50;
const ROUTES = ["/auth/session", "/graphql", "/storage/files", "/functions/mail", "/rest/projects"];
const agent = new Agent({ keepAlive: true, maxSockets: 32 });

const upstream = createServer((request, response) => {
  response.statusCode = request.url.startsWith("/storage") && Math.random() < 0.02 ? 503 : 200;
  response.end(`{"route":"${request.url}"}`);
});
const upstreamPort = await listen(upstream);

let served = 0;
const gateway = createServer((request, response) => {
  const start = performance.now();
  const onward = forward({ host: "127.0.0.1", port: upstreamPort, path: request.url, agent }, (answer) => {
    response.statusCode = answer.statusCode;
    answer.pipe(response);
    answer.once("end", () => {
      const line = `#${++served} ${request.method} ${request.url} ${answer.statusCode} ${(performance.now() - start).toFixed(2)} ms`;
      if (answer.statusCode >= 500) console.error(`error: ${line}`);
      else console.log(line);
    });
  });
  onward.once("error", (error) => {
    console.error(`error: the upstream failed: ${error.message}`);
    response.statusCode = 502;
    response.end();
  });
  onward.end();
});
const port = await listen(gateway);
console.log(`passing port ${port} on to port ${upstreamPort}, ${RATE} requests a second`);

// What a late tick missed is made up for by the next one.
const began = performance.now();
let asked = 0;

function load() {
  const due = Math.floor(((performance.now() - began) / 1000) * RATE);
  for (; asked < due; asked++) {
    const path = ROUTES[Math.floor(Math.random() * ROUTES.length)];
    get({ host: "127.0.0.1", port, path, agent }, (answer) => answer.resume()).on("error", () => {});
  }
}

runService(load, TICK, () => {
  gateway.close();
  upstream.close();
  agent.destroy();
});
