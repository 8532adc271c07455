// Opens the one real-time server of the process: on an HTTP server, on every HTTP server (register), or on a port.

import { EventEmitter } from "node:events";
import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import { claim } from "../gate/intercept.js";
import { integer, object, refused, text } from "../options/option-checks.js";
import type { RealtimeOptions } from "../options/options.js";
import { parseRealtimeOptions } from "../options/parse-options.js";
import { binding } from "../process/binding.js";
import { building } from "../process/building.js";
import { RealtimeError } from "../process/errors.js";
import { registry, warnOnce } from "../process/registry.js";
import { Server } from "../socketio/server.js";
import { announceInDevelopment } from "./announce.js";
import { endProducers, roomChanged } from "./producers.js";
import { type Running, running } from "./running.js";
import { WebSocketServer } from "./websocket-server.js";

/** The longest time of a timer, in ms. */
const LONG = 2 ** 31 - 1;

/** The process's one real-time server. It may be used before one runs: emitters then return false. */
export function getWebSocketServer(): WebSocketServer {
  registry.handle ??= new WebSocketServer();
  return registry.handle;
}

/**
 * Opens the real-time server on the port of an HTTP server. The same server again changes nothing; another one throws
 * ERR_ALREADY_ATTACHED. Does nothing during `next build`.
 */
export function attach(server: HttpServer | HttpsServer, options: RealtimeOptions = {}): WebSocketServer {
  const handle = getWebSocketServer();
  if (building()) return handle;
  object("options", options);
  if (!(server instanceof EventEmitter)) {
    throw new RealtimeError("ERR_INVALID_OPTION", "attach needs an http.Server or an https.Server");
  }
  const found = running();
  if (found && !found.provisional) {
    const covered = found.where === "every server" && Object.keys(options).length === 0;
    if (covered) {
      warnOnce(
        "NSELF_ATTACHED",
        "attach() changes nothing: register() has opened the real-time server on every HTTP server of this process already. " +
          "Remove one of the two calls.",
      );
    }
    if (found.where === server || covered) return handle;
    throw alreadyAttached(found);
  }
  const { io, engine } = open(options, server, false);
  engine.attachUntilClosed(server);
  io.httpServer = server;
  return handle;
}

/**
 * Opens the real-time server on every HTTP server of this process: for `register()` of instrumentation.ts, as Next
 * makes its HTTP server itself. Does nothing if one runs already, and during `next build`.
 */
export function register(options: RealtimeOptions = {}): void {
  if (building()) return;
  object("options", options);
  const found = running();
  if (found && !found.provisional) {
    if (Object.keys(options).length > 0) {
      warnOnce("NSELF_REGISTERED", "register() came second: the real-time server runs already, with its own options");
    }
    return;
  }
  if (found && Object.keys(options).length === 0) {
    found.provisional = false;
    return;
  }
  const { engine } = open(options, "every server", false);
  engine.attachToAll();
  announceInDevelopment(engine.options.path);
}

/**
 * For `node --import`: registers with the defaults as soon as this process has an HTTP server, so that its other
 * processes (workers, tools) open nothing. `register(options)` of the application takes over from it. @internal
 */
export function registerWhenServing(): void {
  const undo: Array<() => void> = [];
  const active = () => {
    const steps = undo.splice(0);
    try {
      if (steps.length > 0 && !building() && !running()) open({}, "every server", true).engine.attachToAll();
    } finally {
      // Only now: the wrapped `emit` stays the same one, which others may have wrapped or kept meanwhile.
      for (const step of steps) step();
    }
  };
  const nothing = () => {};
  for (const { prototype } of [HttpServer, HttpsServer]) {
    // No URL has a space, so this claims no request.
    undo.push(claim(prototype, " ", { request: nothing, upgrade: nothing, active }));
  }
}

/**
 * Opens the real-time server on a port of its own, which Node has no part in. `host` is an address or a name; without it
 * the port is open on all addresses, IPv6 and IPv4. It keeps the process alive until `shutdown()`, as an HTTP server that
 * listens does. Rejects with ERR_LISTEN.
 */
export async function listen(options: RealtimeOptions & { port: number; host?: string }): Promise<WebSocketServer> {
  object("options", options);
  const { port, host, ...rest } = options;
  integer("port", port, 0, 65_535);
  if (host !== undefined) text("host", host);
  if (rest.allowRequest) refused("allowRequest", "there is no Node request in listen mode; use authenticate");
  const handle = getWebSocketServer();
  if (building()) return handle;
  const found = running();
  if (found && !found.provisional) throw alreadyAttached(found);
  const opened = open(rest, "a port", false);
  try {
    opened.port = opened.engine.native.listen(opened.engine.id, host, port);
    opened.io.engine._ownsPort();
  } catch (error) {
    opened.engine.closeNow(0);
    throw error;
  }
  // Nothing of Node's is open that would keep the process.
  const alive = setInterval(() => {}, LONG);
  opened.engine.onClosed.push(() => clearInterval(alive));
  return handle;
}

/** Has the server tell which of its rooms have members. @internal */
export function watchRooms({ engine }: Running): void {
  engine.native.watchRooms(engine.id);
}

function open(options: RealtimeOptions, where: Running["where"], provisional: boolean): Running {
  const parsed = parseRealtimeOptions(options);
  // Clients of the provisional server reconnect by themselves; no route has emitted anything before this.
  running()?.engine.closeNow(100);
  if (registry.engines.size === 0 && binding().nselfServer() !== null) {
    throw new RealtimeError(
      "ERR_ALREADY_ATTACHED",
      "a real-time server runs already, in another thread of this process",
    );
  }
  const io = new Server();
  const engine = io._open(parsed);
  const opened: Running = { io, engine, where, provisional };
  engine.onRoom = roomChanged;
  registry.running = opened;
  registry.ended = false;
  if (registry.producers.size > 0) watchRooms(opened);
  engine.onClosed.push(() => {
    registry.ended = true;
    endProducers();
    if (registry.running === opened) registry.running = undefined;
  });
  return opened;
}

function alreadyAttached({ where, port }: Running): RealtimeError {
  const place =
    where === "every server"
      ? "every HTTP server, by register()"
      : where === "a port"
        ? `port ${port}`
        : "another HTTP server";
  return new RealtimeError(
    "ERR_ALREADY_ATTACHED",
    `the real-time server of this process runs already, on ${place}. Use getWebSocketServer(), remove one of the two calls, or ` +
      "await getWebSocketServer().shutdown() first.",
  );
}
