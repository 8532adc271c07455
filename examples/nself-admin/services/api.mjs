// A small HTTP server on a free loopback port that asks itself for something now and then, and logs each answer.

import { createApi, listen, PATHS } from "./api-server.mjs";
import { runService } from "./service.mjs";

const server = createApi();
const port = await listen(server);
console.log(`listening on port ${port}`);

async function ask() {
  const path = PATHS[Math.floor(Math.random() * PATHS.length)];
  const start = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  await response.arrayBuffer();
  const time = performance.now() - start;
  console.log(`GET ${path} ${response.status} ${time.toFixed(1)} ms`);
  if (time > 60) console.error(`warn: GET ${path} is slow, ${time.toFixed(0)} ms`);
}

runService(
  () => ask().catch((error) => console.error(`error: ${error.message}`)),
  700,
  () => {
    server.close();
    server.closeIdleConnections();
  },
);
