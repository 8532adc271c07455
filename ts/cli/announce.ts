// Loaded before Next into each of its processes: says in one line where clients find the real-time server, once it shares
// the port of the HTTP server that one of them starts.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { running } from "../server/realtime.js";

/** Node tells this channel of each answer that an HTTP server has given. */
const ANSWERED = "http.server.response.finish";

let said = "";

function announce(server: HttpServer | HttpsServer): void {
  const address = server.address() as AddressInfo | string | null;
  const found = running();
  if (!found || !address || typeof address === "string") return;
  const host = ["::", "0.0.0.0"].includes(address.address) ? "localhost" : address.address;
  const scheme = server instanceof HttpsServer ? "https" : "http";
  const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}${found.io.path()}`;
  if (url !== said) console.log(`nself-realtime: Socket.IO clients connect to ${url}`);
  said = url;
}

/** Looks again after the first answer: Next has run instrumentation.ts by then, which may start or move the server. */
function watch(server: HttpServer | HttpsServer): void {
  announce(server);
  const look = () => {
    unsubscribe(ANSWERED, look);
    announce(server);
  };
  subscribe(ANSWERED, look);
}

for (const { prototype } of [HttpServer, HttpsServer]) {
  const { listen } = prototype;
  prototype.listen = function (this: HttpServer, ...args: unknown[]) {
    this.once("listening", () => watch(this));
    return (listen as (...args: unknown[]) => HttpServer).apply(this, args);
  };
}
