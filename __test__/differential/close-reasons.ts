// Why a socket closed, as the server's handlers and the official client see it, and whether the client comes back.
import { once } from "node:events";
import type { Server as HttpServer } from "node:http";
import type { Socket as ClientSocket } from "socket.io-client";
import { onRequest } from "../support/arrivals.js";
import { startProxy, type TcpProxy } from "../support/proxy.js";
import { within } from "../support/raw.js";
import { type CaseOptions, type Context, group } from "./case.js";

const { cases, add } = group("close reasons");
export const closeReasonCases = cases;

const plain: CaseOptions = { options: { maxHttpBufferSize: 10_000 } };
/** Only one side gives up on the other: the client waits for pings longer than the server for pongs, or the other way round. */
const hasty: CaseOptions = { options: { pingInterval: 4000, pingTimeout: 1000 } };
const patient: CaseOptions = { options: { pingInterval: 300, pingTimeout: 30_000 } };
const modes = { websocket: ["websocket"], polling: ["polling"], upgraded: ["polling", "websocket"] };

/** Resolves with the arguments of the next `name`. */
function next(what: string, client: ClientSocket, name: "connect" | "disconnect"): Promise<unknown[]> {
  return within(what, once(client as unknown as NodeJS.EventEmitter, name));
}

async function connected(context: Context, port: number, transports: string[]): Promise<ClientSocket> {
  const client = context.official(port, { transports });
  client.on("connect_error", () => undefined);
  const upgrade =
    transports.length === 2 &&
    within("the upgrade", new Promise((resolve) => client.io.engine.once("upgrade", resolve)));
  await next("the connection", client, "connect");
  await upgrade;
  await within("the first answer", client.emitWithAck("alive"));
  if (!upgrade && transports[0] === "polling") await nextGet(context.server.httpServer);
  return client;
}

/** A polling client has a GET pending again. */
function nextGet(server: HttpServer): Promise<void> {
  const seen = new Promise<void>((resolve) => {
    onRequest(server, (request) => request.method === "GET" && resolve());
  });
  return within("the client's next GET", seen);
}

/** Records the client's reason, the server's, and whether the client connects again. */
async function closes(context: Context, client: ClientSocket, proxy: TcpProxy, act: () => unknown): Promise<void> {
  const disconnect = next("the client's disconnect", client, "disconnect");
  const again = new Promise((resolve) => client.once("connect", () => resolve("connects again")));
  await act();
  const [reason] = await disconnect;
  context.saw("client reason", reason);
  context.saw("client comes back", client.active);
  await context.log.until("disconnect");
  proxy.restore();
  if (client.active) context.saw("then", await within("the client to connect again", again));
}

type Act = (context: Context, client: ClientSocket, proxy: TcpProxy) => unknown;

const acts: [string, Act, CaseOptions?][] = [
  ["socket.disconnect()", (_context, client) => client.emit("leave server")],
  ["socket.disconnect(true)", (_context, client) => client.emit("leave server", true)],
  ["io.disconnectSockets()", ({ io }) => io.disconnectSockets()],
  ["io.disconnectSockets(true)", ({ io }) => io.disconnectSockets(true)],
  ["socket.conn.close()", ({ io }) => io.of("/").sockets.values().next().value!.conn.close()],
  ["client.disconnect()", (_context, client) => client.disconnect()],
  ["the client's engine closes", (_context, client) => client.io.engine.close()],
  ["TCP cut", (_context, _client, proxy) => proxy.cut()],
  ["TCP reset", (_context, _client, proxy) => proxy.cut("reset")],
  [
    "the server falls silent",
    (_context, client) => Object.assign(client.io.engine, { _pingInterval: 10, _pingTimeout: 10 }),
    patient,
  ],
  ["the client falls silent", (_context, client) => withoutPongs(client), hasty],
  ["a bad Socket.IO packet", (_context, client) => client.io.engine.write("2{}")],
  ["a packet for a namespace that was not joined", (_context, client) => client.io.engine.write('2/x,["y"]')],
  ["a bad engine packet", (_context, client) => engineOf(client)._sendPacket("unknown")],
  ["an engine packet in the wrong direction", (_context, client) => engineOf(client)._sendPacket("ping")],
  ["an oversize packet", (_context, client) => client.emit("big", "x".repeat(20_000))],
];

interface Engine {
  _sendPacket(type: string, ...rest: unknown[]): void;
}

function engineOf(client: ClientSocket): Engine {
  return client.io.engine as never;
}

function withoutPongs(client: ClientSocket): void {
  const engine = engineOf(client);
  const send = engine._sendPacket.bind(engine);
  engine._sendPacket = (type, ...rest) => type !== "pong" && send(type, ...rest);
}

for (const [mode, transports] of Object.entries(modes)) {
  for (const [name, act, options = plain] of acts) {
    add(`${mode}: ${name}`, options, async (context) => {
      const proxy = await startProxy(context.port);
      const client = await connected(context, proxy.port, transports);
      context.defer(() => proxy.close());
      await closes(context, client, proxy, () => act(context, client, proxy));
    });
  }

  add(`${mode}: io.close()`, plain, async (context) => {
    const client = await connected(context, context.port, transports);
    const disconnect = next("the client's disconnect", client, "disconnect");
    const attempt = new Promise((resolve) => client.io.once("reconnect_attempt", () => resolve("tries again")));
    void context.io.close();
    const [reason] = await disconnect;
    context.saw("client reason", reason);
    context.saw("then", await within("a new attempt", attempt));
    await context.log.until("disconnect");
  });
}

add("a refused namespace does not come back by itself", plain, async (context) => {
  const client = context.official(context.port, { transports: ["websocket"] }, "/nowhere");
  const error = await within("connect_error", new Promise<Error>((resolve) => client.once("connect_error", resolve)));
  context.saw("error", error.message);
  context.saw("active", client.active);
});
