// Socket.IO's `io.engine`: one object for the life of a server. What is listened to here is told by the native side only then.

import { randomBytes } from "node:crypto";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Engine } from "../engine/engine.js";
import { type EngineMiddleware, type EngineRequest, Hooks, prepare } from "../gate/hooks.js";
import { unavailable } from "../gate/polling.js";
import { handleUpgrade, refuse } from "../gate/upgrade.js";
import type { Handshake } from "../options/handshake.js";
import type { Any } from "../options/typed-events.js";
import { RealtimeError, refuseMembers, unsupported } from "../process/errors.js";
import { HeardEmitter } from "../process/heard-emitter.js";
import { handshakeRequest } from "./handshake-request.js";

/** What the native side is asked to tell of a server. */
const REFUSALS = 1;
const CONNECTIONS = 2;

/** Events that need requests of Node's. */
const OF_NODE: ReadonlySet<string | symbol> = new Set(["initial_headers", "headers"]);

/** A request that was refused, as the listeners of `connection_error` get it. */
export interface ConnectionError {
  req: IncomingMessage;
  /** Engine.IO's: 0 to 5; from 6 on one of the limits. */
  code: number;
  message: string;
  context: Record<string, unknown>;
}

/** What the native side says of a refused request. */
interface Refused {
  code: number;
  message: string;
  method: string;
  token: number | null;
  request: Omit<Handshake, "auth">;
}

/** What it needs of the Socket.IO server. */
export interface Owner {
  /** The open engine, or undefined. */
  engine(): Engine | undefined;
  /** The same; opens it, if need be. */
  open(): Engine;
  /** The options, with their defaults. */
  options(): Readonly<Record<string, unknown>>;
}

/**
 * Socket.IO's `io.engine`. Events: `connection` (socket.conn), `connection_error`, `initial_headers` and `headers` (headers, request).
 */
export class EngineServer extends HeardEmitter {
  readonly #owner: Owner;
  /** What stands before requests. @internal */
  readonly _hooks: Hooks = new Hooks();
  #onPort = false;
  /** What the open native server was asked to tell. */
  #watched = 0;

  /** Made by the server. */
  constructor(owner: Owner) {
    super();
    this.#owner = owner;
    this._hooks.onFailure = (request) => {
      const context = { name: "MIDDLEWARE_FAILURE" };
      this.emit("connection_error", { req: request, code: 3, message: "Bad request", context });
    };
  }

  /** Connections that are open now. Asks the native side. */
  get clientsCount(): number {
    const engine = this.#owner.engine();
    const { connections } = JSON.parse(engine?.native.stats(engine.id) ?? "{}") as {
      connections?: { polling: number; websocket: number };
    };
    return connections ? connections.polling + connections.websocket : 0;
  }

  /** The options of Engine.IO, with their defaults. */
  get opts(): Readonly<Record<string, unknown>> {
    return this.#owner.options();
  }

  /**
   * Adds a middleware of Node's for all requests of clients: `express-session`, `helmet`, `passport`, `cookie-parser`. What it puts on
   * the request of a handshake is there in `socket.request`, what it sets on the response goes to the client.
   */
  use(middleware: Any): void {
    if (typeof middleware !== "function") {
      throw new RealtimeError("ERR_INVALID_ARGUMENT", "io.engine.use needs a function (request, response, next)");
    }
    this.#needNode("use");
    this._hooks.middlewares.push(middleware as EngineMiddleware);
  }

  /** A new id, as engines make them. To set another function is not supported. */
  get generateId(): (request?: IncomingMessage) => string {
    return () => randomBytes(15).toString("base64url");
  }

  set generateId(_: unknown) {
    unsupported(
      "io.engine.generateId as a function of one's own",
      "ids tell the native threads apart; keep yours in socket.data",
    );
  }

  /** Closes every connection; the server goes on. */
  close(): this {
    const engine = this.#owner.engine();
    engine?.native.endConnections(engine.id);
    return this;
  }

  /** Serves a request of a client that the application got. */
  handleRequest(request: IncomingMessage, response: ServerResponse): void {
    const engine = this.#owner.open();
    if (engine.closing) unavailable(response);
    else engine.polling.handle(request, response);
  }

  /** Serves an upgrade of a client that the application got. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const engine = this.#owner.open();
    if (engine.closing) refuse(socket);
    else handleUpgrade(engine, request, socket, head);
  }

  override on(event: string | symbol, listener: (...args: Any[]) => void): this {
    if (OF_NODE.has(event)) this.#needNode(`on("${String(event)}")`);
    return super.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...args: Any[]) => void): this {
    if (OF_NODE.has(event)) this.#needNode(`on("${String(event)}")`);
    return super.prependListener(event, listener);
  }

  /** The native server is open. @internal */
  _opened(): void {
    this.#watched = 0;
    this._heard();
  }

  /** The native side owns the port: no request comes by Node. @internal */
  _ownsPort(): void {
    if (this._hooks.middlewares.length > 0) this.#needNode("use");
    this.#onPort = true;
  }

  /** The native side has refused a request. @internal */
  _refused(text: string): void {
    const { code, message, method, token, request } = JSON.parse(text) as Refused;
    const known = this._hooks.request(token);
    const req = known ?? handshakeRequest(request);
    if (!known) req.method = method;
    prepare(req as EngineRequest);
    this.emit("connection_error", { req, code, message, context: context(code, message, req) });
  }

  #needNode(what: string): void {
    if (!this.#onPort) return;
    unsupported(
      `io.engine.${what} with listen()`,
      "there is no Node request on a port of its own; use attach(httpServer), or io.use() with socket.request",
    );
  }

  /** @internal */
  protected override _heard(): void {
    const listens = (event: string) => this.listenerCount(event) > 0;
    this._hooks.watchesRefusals = listens("connection_error");
    this._hooks.onHeaders =
      listens("headers") || listens("initial_headers")
        ? (headers: OutgoingHttpHeaders, request: EngineRequest) => {
            if (!request._query?.sid) this.emit("initial_headers", headers, request);
            this.emit("headers", headers, request);
          }
        : undefined;
    const engine = this.#owner.engine();
    if (!engine || engine.closing) return;
    const wanted = (listens("connection_error") ? REFUSALS : 0) | (listens("connection") ? CONNECTIONS : 0);
    if (wanted === this.#watched) return;
    this.#watched = wanted;
    engine.native.watchServer(engine.id, wanted);
  }
}

/** What Engine.IO adds to each of its codes. */
function context(code: number, message: string, request: EngineRequest): Record<string, unknown> {
  const { transport, sid, EIO } = request._query ?? {};
  switch (code) {
    case 0:
      return { transport };
    case 1:
      return { sid };
    case 2:
      return { method: request.method };
    case 3:
      if (!sid) return { name: "TRANSPORT_HANDSHAKE_ERROR" };
      return EIO === "4"
        ? {
            name: "TRANSPORT_MISMATCH",
            transport,
            previousTransport: transport === "polling" ? "websocket" : "polling",
          }
        : { name: "PROTOCOL_MISMATCH", protocol: Number(EIO ?? 3), previousProtocol: 4 };
    case 4:
      return { message };
    case 5:
      return { protocol: Number(EIO ?? 3) };
    default:
      return {};
  }
}

const native = "the engine is part of the native server";
refuseMembers(EngineServer.prototype, "io.engine", {
  clients: "connections that nobody listens for have no object; use io.engine.on('connection') or io.sockets",
  attach: "use io.attach",
  ws: native,
  upgrades: native,
  verify: native,
  handshake: native,
  onWebTransportSession: native,
});
