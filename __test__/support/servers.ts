// The two servers that every behaviour test can run on: the official socket.io, which is the oracle, and ours.
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server as OfficialServer, type Server, type ServerOptions } from "socket.io";
import { watchArrivals } from "./arrivals.js";
import { DEADLINE, within } from "./deadline.js";
import { dropConnections } from "./raw-http.js";

export type Options = Partial<ServerOptions>;
export type Setup = (io: Server, httpServer: HttpServer) => void;
export type Kind = "oracle" | "ours";

export interface RunningServer {
  kind: Kind;
  port: number;
  io: Server;
  httpServer: HttpServer;
  close(): Promise<void>;
}

/** ORACLE_ONLY=1 leaves our server out: for work on the tests themselves. */
export const oracleOnly = process.env.ORACLE_ONLY === "1";

/** The kinds that a parametrised test runs on. */
export const kinds: Kind[] = oracleOnly ? ["oracle"] : ["oracle", "ours"];

/** The official server. `setup` adds the handlers before the port opens. */
export function startOracle(options: Options = {}, setup?: Setup): Promise<RunningServer> {
  return start("oracle", OfficialServer, options, setup);
}

/** Our server, through the same constructor. */
export async function startOurs(options: Options = {}, setup?: Setup): Promise<RunningServer> {
  const name: string = "nself-realtime";
  const ours = (await import(/* @vite-ignore */ name)) as { Server: typeof OfficialServer };
  return start("ours", ours.Server, options, setup);
}

/** Either of them. */
export function startServer(kind: Kind, options?: Options, setup?: Setup): Promise<RunningServer> {
  return kind === "oracle" ? startOracle(options, setup) : startOurs(options, setup);
}

async function start(kind: Kind, Type: typeof OfficialServer, options: Options, setup?: Setup): Promise<RunningServer> {
  const httpServer = createServer((_request, response) => {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("application");
  });
  const io = new Type(httpServer, { serveClient: false, ...options });
  setup?.(io, httpServer);
  watchArrivals(httpServer);
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  const { port } = httpServer.address() as AddressInfo;
  const close = async () => {
    dropConnections(port);
    const closed = io.close();
    httpServer.closeAllConnections();
    await within(`the ${kind} server to close`, Promise.resolve(closed), 2 * DEADLINE);
    if (httpServer.listening) await new Promise((resolve) => httpServer.close(resolve));
  };
  return { kind, port, io, httpServer, close };
}
