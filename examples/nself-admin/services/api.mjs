// A small HTTP server on a free loopback port that asks itself for something now and then, and logs each answer.

import { createServer } from "node:http";
import { runService } from "./service.mjs";

const PATHS = ["/users", "/projects", "/health", "/reports", "/missing"];

const server = createServer((request, response) => {
  const wait = request.url === "/reports" ? 60 + Math.random() * 60 : Math.random() * 8;
  setTimeout(() => {
    response.statusCode = request.url === "/missing" ? 404 : 200;
    response.end("{}");
  }, wait);
});

async function ask() {
  const path = PATHS[Math.floor(Math.random() * PATHS.length)];
  const start = performance.now();
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`);
  await response.arrayBuffer();
  const time = performance.now() - start;
  console.log(`GET ${path} ${response.status} ${time.toFixed(1)} ms`);
  if (time > 60) console.error(`warn: GET ${path} is slow, ${time.toFixed(0)} ms`);
}

server.listen(0, "127.0.0.1", () => {
  console.log(`listening on port ${server.address().port}`);
  runService(
    () => ask().catch((error) => console.error(`error: ${error.message}`)),
    700,
    () => server.close(),
  );
});
