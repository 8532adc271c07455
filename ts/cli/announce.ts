// Loaded before Next into each of its processes: says in one line where clients find the real-time server, once it shares
// the port of the HTTP server that one of them starts.

import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import { announceOn, onNextAnswer } from "../server/nself/announce.js";

for (const { prototype } of [HttpServer, HttpsServer]) {
  const { listen } = prototype;
  prototype.listen = function (this: HttpServer, ...args: unknown[]) {
    this.once("listening", () => {
      announceOn(this);
      // Next has run instrumentation.ts by its first answer, which may start or move the server.
      onNextAnswer(() => announceOn(this));
    });
    return (listen as (...args: unknown[]) => HttpServer).apply(this, args);
  };
}
