// Says in one line where clients find the real-time server.

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { registry } from "../process/registry.js";

/** Node tells this channel of each answer that an HTTP server has given. */
const ANSWERED = "http.server.response.finish";

/** Prints the URL of a path, unless it was the last that was printed. */
function say(origin: string, path: string): void {
  const url = `${origin}${path}`;
  if (registry.announced !== url) console.log(`nself-realtime: Socket.IO clients connect to ${url}`);
  registry.announced = url;
}

/** Where an HTTP server listens; undefined if it does not, or not on a port. */
function originOf(server: HttpServer): string | undefined {
  const address = server.address() as AddressInfo | string | null;
  if (!address || typeof address === "string") return undefined;
  const host = ["::", "0.0.0.0"].includes(address.address) ? "localhost" : address.address;
  const scheme = server instanceof HttpsServer ? "https" : "http";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

/** Says it for an HTTP server, if the real-time server runs. */
export function announceOn(server: HttpServer, path = pathNow()): void {
  const origin = originOf(server);
  if (origin && path !== undefined) say(origin, path);
}

/** Calls back once, with the server that answers the next request. */
export function onNextAnswer(look: (server: HttpServer) => void): void {
  const once = (message: unknown) => {
    unsubscribe(ANSWERED, once);
    look((message as { server: HttpServer }).server);
  };
  subscribe(ANSWERED, once);
}

/** For `register()` under `next dev`: at once, if Next tells its origin, or else with the first answer. */
export function announceInDevelopment(path: string): void {
  if (process.env.NODE_ENV !== "development") return;
  const origin = process.env.__NEXT_PRIVATE_ORIGIN;
  if (origin) say(origin, path);
  else onNextAnswer((server) => announceOn(server));
}

function pathNow(): string | undefined {
  const engine = registry.running?.engine;
  return engine && !engine.closing ? engine.options.path : undefined;
}
