// The official socket.io and ours, in whatever way a test starts them.
import { createServer, type Server as HttpServer, type RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { Server as OfficialServer, type Server } from "socket.io";
import { afterEach, describe } from "vitest";
import { watchArrivals } from "./arrivals.js";
import { closeClients } from "./nself.js";
import { dropConnections } from "./raw-http.js";
import { type Kind, kinds, type Options } from "./servers.js";

/** How an application opens its server. */
export type Way = "attach" | "port";
export const ways: Way[] = ["attach", "port"];

export interface Application {
  io: Server;
  port: number;
  httpServer: HttpServer;
  close(): Promise<void>;
}

async function typeOf(kind: Kind): Promise<typeof OfficialServer> {
  if (kind === "oracle") return OfficialServer;
  const name: string = "nself-realtime";
  return ((await import(/* @vite-ignore */ name)) as { Server: typeof OfficialServer }).Server;
}

/** Starts an application: beside its own pages (`pages`), or on a port that the server opens itself. */
export async function startApplication(
  kind: Kind,
  setup: (io: Server) => void,
  { way = "attach", options = {}, pages }: { way?: Way; options?: Options; pages?: RequestListener } = {},
): Promise<Application> {
  const Type = await typeOf(kind);
  const all = { serveClient: false, ...options };
  let io: Server;
  if (way === "port") {
    io = new Type(0, all);
    setup(io);
  } else {
    const server = createServer(pages ?? ((_, response) => response.writeHead(404).end()));
    io = new Type(server, all);
    setup(io);
    server.listen(0, "127.0.0.1");
  }
  const { httpServer } = io as unknown as { httpServer: HttpServer };
  if (!httpServer.listening) await new Promise((resolve) => httpServer.once("listening", resolve));
  watchArrivals(httpServer);
  const { port } = httpServer.address() as AddressInfo;
  const close = async () => {
    dropConnections(port);
    const closed = io.close();
    httpServer.closeAllConnections();
    await closed;
  };
  return { io, port, httpServer, close };
}

/** `startApplication` for the tests of a file: each test's clients and applications end with it. */
export function applications(): typeof startApplication {
  const running: Application[] = [];
  afterEach(async () => {
    closeClients();
    for (const application of running.splice(0)) await application.close();
  });
  return async (...of) => {
    const application = await startApplication(...of);
    running.push(application);
    return application;
  };
}

const require = createRequire(import.meta.url);

/** What `require("socket.io")` gives, or `require("nself-realtime")`. */
// biome-ignore lint/suspicious/noExplicitAny: the same code runs on both, whatever their types.
export function module(kind: Kind): any {
  return require(kind === "oracle" ? "socket.io" : "nself-realtime");
}

/** `body` for each of the two. */
export function onBoth(title: string, body: (kind: Kind) => void): void {
  describe.each(kinds)(`${title} (%s)`, body);
}
