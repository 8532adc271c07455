// Tells a test that the HTTP server has seen a certain request, so that "pending" is a fact and not a hope.
import type { Server as HttpServer, IncomingMessage } from "node:http";
import { within } from "./deadline.js";

const waiting = new Map<string, () => void>();
let count = 0;

/** Calls `seen` after each request was handed to whoever serves it, which need not be a listener. */
export function onRequest(httpServer: HttpServer, seen: (request: IncomingMessage) => void): void {
  const emit = httpServer.emit as (name: string, ...args: unknown[]) => boolean;
  httpServer.emit = function (this: HttpServer, name: string, ...args: unknown[]) {
    const handled = emit.call(this, name, ...args);
    if (name === "request") seen(args[0] as IncomingMessage);
    return handled;
  };
}

/** Watches an HTTP server for requests that carry a token. Call it after the real-time server was attached. */
export function watchArrivals(httpServer: HttpServer): void {
  onRequest(httpServer, (request) => {
    const token = /[?&]t=(arrival\d+)/.exec(request.url ?? "")?.[1];
    if (token) waiting.get(token)?.();
  });
}

/** A token for the query (`t=…`), and the moment its request reached the server. */
export function expectArrival(): { token: string; arrived: Promise<void> } {
  const token = `arrival${++count}`;
  const seen = new Promise<void>((resolve) => {
    waiting.set(token, resolve);
  });
  const arrived = within("the server to see a request", seen).finally(() => waiting.delete(token));
  return { token, arrived };
}
