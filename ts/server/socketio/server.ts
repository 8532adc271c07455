// Socket.IO's Server: the same constructor, options, defaults, methods and events, on the native server.

import { EventEmitter } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { FoundSocket } from "../../../native.js";
import { Engine, engineOf, setEngine } from "../engine/engine.js";
import type { AdapterConstructor } from "../options/foreign-adapter.js";
import type { ParsedOptions } from "../options/option-table.js";
import type { ServerOptions } from "../options/options.js";
import { engineOptions, parseServerOptions } from "../options/parse-options.js";
import type {
  AllButLast,
  Any,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  ReservedOrUserEventNames,
  ReservedOrUserListener,
} from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import { RealtimeError, refuseMembers, rejectMembers, unsupported } from "../process/errors.js";
import { raise } from "../process/handler-errors.js";
import { Adapter } from "./adapter.js";
import type { BroadcastOperator } from "./broadcast.js";
import { Dispatcher } from "./dispatch.js";
import { EngineServer } from "./engine-server.js";
import {
  type Broadcast,
  type Middleware,
  Namespace,
  REJECTED_ON_NAMESPACES,
  type ServerReservedEventsMap,
} from "./namespace.js";
import { ParentNamespace } from "./parent-namespace.js";
import type { RemoteSocket } from "./remote-socket.js";
import type { Socket } from "./socket.js";
import type { Rooms } from "./socket-types.js";

/** Decides whether a client may have the namespace that it asks for: `next(null, true)`. */
export type CheckNamespace = (
  name: string,
  auth: { [key: string]: Any },
  next: (error: Error | null, allow: boolean) => void,
) => void;

const OTHER_ADAPTERS = "rooms live in the native server; several servers will be connected by nself-realtime/cluster";

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
  httpServer!: AnyHttpServer;
  /** Engine.IO's side of the server: middleware, events of connections, counts. */
  readonly engine: EngineServer = new EngineServer({
    engine: () => engineOf(this),
    open: () => engineOf(this) ?? this._open(parseServerOptions(this.#options)),
    options: () => engineOptions(this.#options),
  });
  readonly #namespaces = new Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();
  /** In the order in which they are asked. */
  readonly #parents: Array<{
    parent: ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
    matches: ((path: string) => boolean) | undefined;
    check: CheckNamespace;
  }> = [];
  #dispatcher: Dispatcher | undefined;
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

  /**
   * The namespace of a name, created if need be; `fn` listens to its connections. With an expression or a function: a parent, whose
   * middleware and listeners are those of each namespace that a client asks for and that the expression matches, or the function allows.
   */
  of(
    name: string | RegExp | CheckNamespace,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    if (typeof name === "function" || name instanceof RegExp) return this.#parent(name, fn);
    const path = String(name).startsWith("/") ? String(name) : `/${name}`;
    const nsp = this.#namespaces.get(path) ?? this.#create(path);
    if (fn) nsp.on("connect", fn);
    return nsp;
  }

  /** What io.adapter() is in Socket.IO; its own is the only one. */
  adapter(): typeof Adapter;
  adapter(adapter: AdapterConstructor): this;
  adapter(adapter?: AdapterConstructor): this | typeof Adapter {
    if (adapter !== undefined) unsupported("io.adapter(…)", OTHER_ADAPTERS);
    return Adapter;
  }

  #parent(
    name: RegExp | CheckNamespace,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): ParentNamespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const parent = new ParentNamespace(this);
    this.#parents.push({
      parent,
      matches: name instanceof RegExp ? (path) => name.test(path) : undefined,
      check: name instanceof RegExp ? (path, _auth, next) => next(null, name.test(path)) : name,
    });
    const engine = engineOf(this);
    engine?.native.makeNamespaces(engine.id);
    if (fn) parent.on("connect", fn);
    return parent;
  }

  #create(
    path: string,
    parent = this.#parents.find(({ matches }) => matches?.(path))?.parent,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const nsp = parent?._child(path) ?? new Namespace(this, path);
    this.#namespaces.set(path, nsp);
    const engine = engineOf(this);
    nsp._declare();
    if (parent && (engine?.options ?? this.#options).cleanupEmptyChildNamespaces) {
      // Known from the first of its sockets to the last.
      void nsp.sockets;
      parent._tidy(nsp, () => this.#namespaces.delete(path));
    }
    if (path !== "/") this.sockets._created(nsp);
    return nsp;
  }

  /** A client asks for a namespace that is not there: the first parent that takes the name makes it. */
  async #resolve(path: string, auth: { [key: string]: Any }): Promise<void> {
    for (const { parent, check } of [...this.#parents]) {
      const allows = await new Promise<boolean>((resolve) => {
        try {
          check(path, auth, (error, allow) => resolve(!error && allow));
        } catch (error) {
          resolve(false);
          raise(error);
        }
      });
      if (!allows) continue;
      if (this.#namespaces.has(path)) return;
      const child = this.#create(path, parent);
      // Who asked for it may be gone.
      setTimeout(() => child._onEmpty?.(), 1000).unref();
      return;
    }
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

  /** The same as `engine`, under its older name. */
  get eio(): EngineServer {
    return this.engine;
  }

  /** The options that were given. @internal */
  get opts(): Readonly<ServerOptions> {
    return this.#options;
  }

  /** @internal */
  get _opts(): Readonly<ServerOptions> {
    return this.#options;
  }

  override on<
    E extends ReservedOrUserEventNames<
      ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents
    >,
  >(
    event: E,
    listener: ReservedOrUserListener<
      ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents,
      E
    >,
  ): this {
    this.sockets.on(event as Any, listener as Any);
    return this;
  }

  override once<
    E extends ReservedOrUserEventNames<
      ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents
    >,
  >(
    event: E,
    listener: ReservedOrUserListener<
      ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents,
      E
    >,
  ): this {
    this.sockets.once(event as Any, listener as Any);
    return this;
  }

  /** Emits to every socket of `/`; always true. */
  override emit<E extends EventNamesWithoutAck<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    return this.sockets.emit(event, ...args);
  }

  send(...args: EventParams<EmitEvents, "message">): this {
    this.sockets.send(...args);
    return this;
  }

  write(...args: EventParams<EmitEvents, "message">): this {
    return this.send(...args);
  }

  to(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.sockets.to(room);
  }

  in(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.sockets.in(room);
  }

  except(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.sockets.except(room);
  }

  compress(compress: boolean): Broadcast<EmitEvents, SocketData> {
    return this.sockets.compress(compress);
  }

  get volatile(): Broadcast<EmitEvents, SocketData> {
    return this.sockets.volatile;
  }

  get local(): Broadcast<EmitEvents, SocketData> {
    return this.sockets.local;
  }

  timeout(
    timeout: number,
  ): BroadcastOperator<
    DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>,
    SocketData
  > {
    return this.sockets.timeout(timeout);
  }

  /** All sockets of `/`: each that JavaScript knows as its own object, the others as they are now. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.sockets.fetchSockets();
  }

  /** The ids of all sockets of `/`. */
  allSockets(): Promise<Set<string>> {
    return this.sockets.allSockets();
  }

  /** To the other servers, of which there are none: an acknowledgement gets an empty list at once. */
  serverSideEmit<E extends EventNames<ServerSideEvents>>(
    event: E,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, E>
  ): boolean {
    return this.sockets.serverSideEmit(event, ...args);
  }

  /** The same, and waits for what they acknowledge: an empty list. */
  serverSideEmitWithAck<E extends EventNamesWithAck<ServerSideEvents>>(
    event: E,
    ...args: AllButLast<EventParams<ServerSideEvents, E>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, E>>>[]> {
    return this.sockets.serverSideEmitWithAck(event, ...args);
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
    const dispatcher = new Dispatcher(this.#namespaces, (path, auth) => this.#resolve(path, auth), this.engine, this);
    this.#dispatcher = dispatcher;
    const engine = new Engine(options, (event) => dispatcher.handle(event), this.engine._hooks);
    dispatcher.use(engine);
    engine.onClosed.push(() => {
      dispatcher.end();
      if (engineOf(this) === engine) setEngine(this, undefined);
    });
    setEngine(this, engine);
    for (const nsp of this.#namespaces.values()) nsp._opened();
    if (this.#parents.length > 0) engine.native.makeNamespaces(engine.id);
    this.engine._opened();
    return engine;
  }

  /** Makes objects for the sockets of a namespace that have none. @internal */
  _adopt(nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.#dispatcher?.adopt(nsp as Any);
  }

  /** A socket that the native side knows: its object, or as it is now; undefined without its info, null if it is over. @internal */
  _known(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    found: FoundSocket,
  ): object | undefined | null {
    return this.#dispatcher?.known(nsp as Any, found);
  }

  /** All namespaces that clients can name. @internal */
  get _nsps(): Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> {
    return this.#namespaces;
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
  attachApp: "uWebSockets.js has no place here",
  bind: "the engine is part of the native server",
  onconnection: "the engine is part of the native server",
});
