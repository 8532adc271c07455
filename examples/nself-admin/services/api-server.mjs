// The API's HTTP server, apart from the program that runs it, so that the build can test it.

import { createServer } from "node:http";

export const PATHS = ["/users", "/projects", "/health", "/reports", "/missing"];

/** A server that answers PATHS after a while that depends on the path. */
export function createApi() {
  return createServer((request, response) => {
    const wait = request.url === "/reports" ? 60 + Math.random() * 60 : Math.random() * 8;
    setTimeout(() => {
      const known = PATHS.includes(request.url) && request.url !== "/missing";
      response.statusCode = known ? 200 : 404;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(known ? { path: request.url, ok: true } : { error: "not found" }));
    }, wait);
  });
}

/** Resolves with the port that `server` listens on, a free one unless given. */
export function listen(server, port = 0) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server.address().port));
  });
}
