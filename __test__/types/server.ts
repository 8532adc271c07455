// How a server is made, its options, and what is under it.

import { createServer, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Server, type ServerOptions, type Socket } from "socket.io";
import { equal, type Same } from "./support.js";

const options: Partial<ServerOptions> = {
  path: "/ws/",
  serveClient: false,
  connectTimeout: 1000,
  pingInterval: 1000,
  pingTimeout: 1000,
  upgradeTimeout: 1000,
  maxHttpBufferSize: 1e6,
  transports: ["polling", "websocket"],
  allowUpgrades: true,
  allowEIO3: false,
  perMessageDeflate: false,
  httpCompression: { threshold: 2048 },
  cookie: { name: "io", httpOnly: true, sameSite: "strict", maxAge: 86_400, path: "/" },
  cors: { origin: ["https://app.example"], methods: ["GET", "POST"], credentials: true },
  connectionStateRecovery: { maxDisconnectionDuration: 1000, skipMiddlewares: true },
  cleanupEmptyChildNamespaces: true,
  addTrailingSlash: true,
  allowRequest: (request, decide) => {
    equal<Same<typeof request, IncomingMessage>>(true);
    decide(null, request.headers.origin === undefined);
    decide("no", false);
  },
};

const http = createServer();
const io = new Server(http, options);
new Server(createSecureServer({}), options);
new Server(3000, options);
new Server(options);
new Server();
new Server(undefined, options);
new Server(http, { cors: { origin: true, allowedHeaders: ["x-token"], maxAge: 5, exposedHeaders: "x-a" } });
const made: ServerOptions["path"] = "/ws";

io.attach(http, options);
io.listen(3000, { path: made });
const { port } = io.httpServer.address() as AddressInfo;
equal<Same<typeof port, number>>(true);
io.path("/ws").connectTimeout(5).serveClient(false);
equal<Same<ReturnType<typeof io.close>, Promise<void>>>(true);
const [path, ms, served]: [string, number, boolean] = [io.path(), io.connectTimeout(), io.serveClient()];
console.log(path, ms, served);

io.engine.on("connection_error", (error) => console.log(error.code, error.message, error.req, error.context));
io.engine.on("initial_headers", (headers: Record<string, string>, request: IncomingMessage) => {
  headers["x-id"] = String(request.url);
});
io.engine.on("headers", (headers: Record<string, string>) => {
  headers["x-id"] = "1";
});
io.engine.use((request: IncomingMessage, _response: unknown, next: () => void) => {
  console.log(request.url);
  next();
});
io.engine.generateId = (request: IncomingMessage) => String(request.url);
console.log(io.engine.clientsCount, io.engine.opts.pingInterval);

io.on("connection", (socket: Socket) => {
  const { request, conn, client } = socket;
  equal<Same<typeof request, IncomingMessage>>(true);
  console.log(request.headers.cookie, request.url, request.socket.remoteAddress, client.conn.protocol);
  console.log(conn.protocol, conn.transport.name, conn.readyState, conn.remoteAddress, conn.request.headers);
  conn.once("upgrade", () => console.log(conn.transport.name));
  conn.on("close", (reason) => console.log(reason));
  conn.on("packet", ({ type, data }) => console.log(type, data));
  conn.close();
});
