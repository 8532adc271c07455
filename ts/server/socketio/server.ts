// Socket.IO's Server: the same constructor, options, defaults, methods and events, on the native server.

import { EventEmitter } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { Engine, engineOf, setEngine } from "../engine/engine.js";
import type { ParsedOptions } from "../options/option-table.js";
import type { ServerOptions } from "../options/options.js";
import { parseServerOptions } from "../options/parse-options.js";
import type { Any, DefaultEventsMap, EventNames, EventParams, EventsMap, Listener } from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import { RealtimeError, refuseMembers, rejectMembers, unsupported } from "../process/errors.js";
import type { BroadcastOperator } from "./broadcast.js";
import { Dispatcher } from "./dispatch.js";
import { EngineView } from "./engine-view.js";
import {
  type Middleware,
  Namespace,
  type NamespaceEvents,
  REFUSED_ON_NAMESPACES,
  REJECTED_ON_NAMESPACES,
} from "./namespace.js";
import type { Socket } from "./socket.js";
import type { Rooms } from "./socket-types.js";

type AnyHttpServer = HttpServer | HttpsServer;

export class Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = Any,
> extends EventEmitter {
  /** The namespace `/`. */
  readonly sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** The HTTP server it was attached to last. */
  httpServer: AnyHttpServer | undefined;
  readonly #namespaces = new Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();
  #options: Readonly<ServerOptions>;

  /**
   * `new Server(httpServer, options)`, `new Server(port, options)`, or `new Server(options)` and `new Server()`, to be
   * attached later.
   */
  constructor(server?: AnyHttpServer | number | string | ServerOptions, options: ServerOptions = {}) {
    super();
    const first = isOptions(server) ? undefined : server;
    this.#options = { ...(isOptions(server) ? server : options) };
    parseServerOptions(this.#options);
    this.sockets = this.of("/");
    if (first || typeof first === "number") this.attach(first);
  }

  /**
   * Shares the port of an HTTP server, or opens one on a port. Options given to the constructor win. Of a server that is
   * attached already only `path` and `serveClient` may be others at a further one.
   */
  attach(server: AnyHttpServer | number | string, options: ServerOptions = {}): this {
    if (typeof server === "function") {
      throw new Error(
        "You are trying to attach socket.io to an express request handler function. Please pass a http.Server instance.",
      );
    }
    const isPort = !(server instanceof EventEmitter) && isPortNumber(server);
    const httpServer = isPort ? portServer() : server;
    if (!(httpServer instanceof EventEmitter)) {
      throw new RealtimeError("ERR_INVALID_OPTION", "attach needs an http.Server or a port");
    }
    const engine = engineOf(this);
    if (engine) {
      const { path, serveClient, ...rest } = options;
      if (Object.keys(rest).length > 0) {
        throw new RealtimeError(
          "ERR_ALREADY_ATTACHED",
          `this server is open: its options cannot change any more (${Object.keys(rest).join(", ")})`,
        );
      }
      engine.attach(httpServer, parseServerOptions({ path, serveClient, ...this.#options }));
    } else {
      this._open(parseServerOptions({ ...options, ...this.#options })).attach(httpServer);
    }
    this.httpServer = httpServer;
    if (isPort) httpServer.listen(Number(server));
    return this;
  }

  /** The same as `attach`. */
  listen(server: AnyHttpServer | number | string, options: ServerOptions = {}): this {
    return this.attach(server, options);
  }

  /** The namespace of a name, created if need be; `fn` listens to its connections. */
  of(
    name: string,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    if (typeof name === "function" || (name as unknown) instanceof RegExp) {
      unsupported("a dynamic namespace", "give its name as a string");
    }
    const path = String(name).startsWith("/") ? String(name) : `/${name}`;
    let nsp = this.#namespaces.get(path);
    if (!nsp) {
      nsp = new Namespace(this, path);
      this.#namespaces.set(path, nsp);
      nsp._declare();
      if (path !== "/") this.sockets._created(nsp);
    }
    if (fn) nsp.on("connect", fn);
    return nsp;
  }

  /** Disconnects everybody, then closes the HTTP server, too. `fn` gets its error, if it was not running. */
  async close(fn?: (error?: Error) => void): Promise<void> {
    const { httpServer } = this;
    const engine = engineOf(this);
    const error = engine && httpServer ? await engine.closeWith(httpServer) : await closed(httpServer);
    fn?.(error);
  }

  /** Adds a middleware for new sockets of `/`. */
  use(fn: Middleware<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>): this {
    this.sockets.use(fn);
    return this;
  }

  /** The path; or sets that of HTTP servers to be attached. */
  path(): string;
  path(path: string): this;
  path(path?: string): this | string {
    if (path === undefined) return parseServerOptions(this.#options).path;
    return this.#change({ path });
  }

  /** The time in which a client must join a namespace, in ms; or sets it for clients to come. */
  connectTimeout(): number;
  connectTimeout(ms: number): this;
  connectTimeout(ms?: number): this | number {
    if (ms === undefined) return parseServerOptions(this.#options).native.connectTimeout ?? 45_000;
    this.#change({ connectTimeout: ms });
    const engine = engineOf(this);
    engine?.native.setConnectTimeout(engine.id, this.connectTimeout());
    return this;
  }

  /** Whether the client's files are served; or sets that of HTTP servers to be attached. */
  serveClient(): boolean;
  serveClient(serve: boolean): this;
  serveClient(serve?: boolean): this | boolean {
    if (serve === undefined) return parseServerOptions(this.#options).serveClient;
    return this.#change({ serveClient: serve });
  }

  /** What is known of the engine: `clientsCount`. */
  get engine(): EngineView {
    return new EngineView(() => {
      const engine = engineOf(this);
      return engine?.native.stats(engine.id);
    });
  }

  override on<E extends string | symbol>(
    event: E,
    listener: Listener<
      NamespaceEvents<
        Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
        Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
      >,
      ServerSideEvents,
      E
    >,
  ): this {
    this.sockets.on(event, listener);
    return this;
  }

  override once<E extends string | symbol>(
    event: E,
    listener: Listener<
      NamespaceEvents<
        Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
        Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
      >,
      ServerSideEvents,
      E
    >,
  ): this {
    this.sockets.once(event, listener);
    return this;
  }

  /** Emits to every socket of `/`; always true. */
  override emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    return this.sockets.emit(event, ...args);
  }

  send(...args: EventParams<EmitEvents, "message">): this {
    this.sockets.send(...args);
    return this;
  }

  write(...args: EventParams<EmitEvents, "message">): this {
    return this.send(...args);
  }

  to(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.sockets.to(room);
  }

  in(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.sockets.in(room);
  }

  except(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.sockets.except(room);
  }

  compress(compress: boolean): BroadcastOperator<EmitEvents> {
    return this.sockets.compress(compress);
  }

  get volatile(): BroadcastOperator<EmitEvents> {
    return this.sockets.volatile;
  }

  get local(): BroadcastOperator<EmitEvents> {
    return this.sockets.local;
  }

  timeout(timeout: number): BroadcastOperator<EmitEvents> {
    return this.sockets.timeout(timeout);
  }

  /** The sockets of `/` that JavaScript knows: see `Namespace.sockets`. */
  fetchSockets(): Promise<Array<Socket<Any, EmitEvents, Any, Any>>> {
    return this.sockets.fetchSockets();
  }

  socketsJoin(room: Rooms): void {
    this.sockets.socketsJoin(room);
  }

  socketsLeave(room: Rooms): void {
    this.sockets.socketsLeave(room);
  }

  disconnectSockets(close = false): void {
    this.sockets.disconnectSockets(close);
  }

  /** Opens the native server and declares what is there. @internal */
  _open(options: ParsedOptions): Engine {
    const dispatcher = new Dispatcher(this.#namespaces);
    const engine = new Engine(options, (event) => dispatcher.handle(event));
    dispatcher.use(engine);
    engine.onClosed.push(() => {
      dispatcher.end();
      if (engineOf(this) === engine) setEngine(this, undefined);
    });
    setEngine(this, engine);
    for (const nsp of this.#namespaces.values()) nsp._declare();
    return engine;
  }

  #change(change: ServerOptions): this {
    const options = { ...this.#options, ...change };
    parseServerOptions(options);
    this.#options = options;
    return this;
  }
}

acrossCopies(Server, "Server");

function isOptions(value: unknown): value is ServerOptions {
  return typeof value === "object" && value !== null && typeof (value as { listen?: unknown }).listen !== "function";
}

/** As Socket.IO tells a port: `"3000"` is one, too. */
function isPortNumber(value: unknown): boolean {
  return (
    typeof value === "number" || (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value)))
  );
}

/** Closes an HTTP server; gives the error, if it was not running. */
function closed(server: AnyHttpServer | undefined): Promise<Error | undefined> {
  return new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
}

function portServer(): HttpServer {
  return createServer((_request, response) => {
    response.writeHead(404);
    response.end();
  });
}

// The other methods of an EventEmitter are those of the namespace "/", as in Socket.IO.
for (const name of [
  ...["addListener", "prependListener", "prependOnceListener", "off", "removeListener", "removeAllListeners"],
  ...["listeners", "rawListeners", "listenerCount", "eventNames", "setMaxListeners", "getMaxListeners"],
] as Array<"on">) {
  Object.defineProperty(Server.prototype, name, {
    value(this: Server, ...args: unknown[]): unknown {
      return (this.sockets[name] as (...args: unknown[]) => unknown).apply(this.sockets, args);
    },
    writable: true,
    configurable: true,
  });
}

rejectMembers(Server.prototype, "Server", REJECTED_ON_NAMESPACES);
refuseMembers(Server.prototype, "Server", {
  ...REFUSED_ON_NAMESPACES,
  attachApp: "uWebSockets.js has no place here",
  bind: "the engine is part of the native server",
  onconnection: "the engine is part of the native server",
});
