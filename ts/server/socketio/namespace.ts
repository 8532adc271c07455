// A namespace: its listeners, its middleware, and the sockets that JavaScript knows of.

import { EventEmitter } from "node:events";
import { engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import { checkEvent } from "../options/schemas.js";
import type { Any, DefaultEventsMap, EventNames, EventParams, EventsMap, Listener } from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import { refuseMembers, rejectMembers } from "../process/errors.js";
import { REJECTION, raiseRejection, whenUnsupported } from "../process/handler-errors.js";
import { warnOnce } from "../process/registry.js";
import { BroadcastOperator } from "./broadcast.js";
import type { Server } from "./server.js";
import type { Socket } from "./socket.js";
import type { ExtendedError, Rooms } from "./socket-types.js";

/** Called for each socket that wants to connect: `next()` lets it, `next(error)` refuses it. */
export type Middleware<S> = (socket: S, next: (error?: ExtendedError) => void) => void;

/** Local events of a namespace. */
export interface NamespaceEvents<S, N> {
  connect: (socket: S) => void;
  connection: (socket: S) => void;
  new_namespace: (namespace: N) => void;
}

export class Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = Any,
> extends EventEmitter {
  readonly name: string;
  readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  readonly #sockets = new Map<string, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();
  readonly #fns: Array<Middleware<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>> = [];
  #tracked = false;
  #nextAck = 0;
  /** Sockets with a listener for outgoing events. @internal */
  readonly _watchers = new Set<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();

  constructor(server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, name: string) {
    super({ captureRejections: true });
    this.server = server;
    this.name = name;
  }

  /**
   * The connected sockets by id. A connection that nobody listens for has no JavaScript object: those that connected before
   * the first listener, the first middleware and the first look at this map are not in it, which one warning says.
   */
  get sockets(): Map<string, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> {
    if (!this._tracked) {
      const engine = engineOf(this.server);
      const { sockets = 0 } = JSON.parse(engine?.native.stats(engine.id) ?? "{}") as { sockets?: number };
      if (sockets > 0) {
        warnOnce(
          "NSELF_UNKNOWN_SOCKETS",
          `JavaScript does not know the sockets that connected to "${this.name}" so far: add a "connection" listener, or look at ` +
            "the sockets once, before clients connect",
        );
      }
      this.#track();
    }
    return this.#sockets;
  }

  /** Adds a middleware for new sockets. */
  use(fn: Middleware<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>): this {
    this.#fns.push(fn);
    this.#track();
    return this;
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
    super.on(event, listener);
    this.#heard(event);
    return this;
  }

  override addListener(event: string | symbol, listener: (...args: Any[]) => void): this {
    super.addListener(event, listener);
    this.#heard(event);
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
    // It calls `on`.
    return super.once(event, listener);
  }

  override prependListener(event: string | symbol, listener: (...args: Any[]) => void): this {
    super.prependListener(event, listener);
    this.#heard(event);
    return this;
  }

  /** Emits to every socket; always true. */
  override emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    return new BroadcastOperator<EmitEvents>(this).emit(event, ...args);
  }

  /** Emits a `message` event to every socket. */
  send(...args: EventParams<EmitEvents, "message">): this {
    this.emit("message", ...args);
    return this;
  }

  /** The same as `send`. */
  write(...args: EventParams<EmitEvents, "message">): this {
    return this.send(...args);
  }

  to(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).to(room);
  }

  in(room: Rooms): BroadcastOperator<EmitEvents> {
    return this.to(room);
  }

  except(room: Rooms): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).except(room);
  }

  compress(compress: boolean): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).compress(compress);
  }

  get volatile(): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).volatile;
  }

  get local(): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).local;
  }

  timeout(timeout: number): BroadcastOperator<EmitEvents> {
    return new BroadcastOperator<EmitEvents>(this).timeout(timeout);
  }

  /** The sockets that JavaScript knows: see `sockets`. */
  fetchSockets(): Promise<Array<Socket<Any, EmitEvents, Any, Any>>> {
    return new BroadcastOperator<EmitEvents>(this).fetchSockets();
  }

  socketsJoin(room: Rooms): void {
    new BroadcastOperator<EmitEvents>(this).socketsJoin(room);
  }

  socketsLeave(room: Rooms): void {
    new BroadcastOperator<EmitEvents>(this).socketsLeave(room);
  }

  disconnectSockets(close = false): void {
    new BroadcastOperator<EmitEvents>(this).disconnectSockets(close);
  }

  /** Whether JavaScript wants to know of new sockets; stays so, as their objects have to be kept up to date. @internal */
  get _tracked(): boolean {
    const asked = this.name === "/" && engineOf(this.server)?.options.authorizeJoin !== undefined;
    return this.#tracked || asked;
  }

  /** Tells the native side what this namespace needs. @internal */
  _declare(): void {
    const engine = engineOf(this.server);
    if (!engine) return;
    engine.declare(this.name, this._tracked, this.#fns.length > 0);
  }

  /** @internal */
  _nextAckId(): number {
    return this.#nextAck++;
  }

  /** Runs the middleware; `done` is called once. @internal */
  _run(
    socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    done: (error?: ExtendedError) => void,
  ): void {
    const fns = [...this.#fns];
    const step = (index: number) => {
      const fn = fns[index];
      if (!fn) return done();
      let called = false;
      const next = (error?: ExtendedError) => {
        if (called) return;
        called = true;
        if (error) done(error);
        else step(index + 1);
      };
      whenUnsupported(fn(socket, next), () => next(new Error("middleware failed")));
    };
    step(0);
  }

  /** A socket has joined. @internal */
  _add(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.#sockets.set(socket.id, socket);
    socket._onconnect();
    super.emit("connect", socket);
    super.emit("connection", socket);
  }

  /** @internal */
  _remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.#sockets.delete(socket.id);
    this._watchers.delete(socket);
  }

  /** A namespace was created. @internal */
  _created(namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    super.emit("new_namespace", namespace);
  }

  /** Whether events of this namespace may be in the envelope of the real-time layer. @internal */
  get _enveloped(): boolean {
    return this.name === "/" && engineOf(this.server)?.options.native.nselfLayer === true;
  }

  /** Checks an event that is about to be emitted, if it has a schema. Throws ERR_INVALID_EVENT. @internal */
  _check([event, ...args]: unknown[]): void {
    const schema = engineOf(this.server)?.options.schemas?.get(event as string);
    if (schema) checkEvent(event as string, schema, args, this._enveloped);
  }

  /** The known sockets that are in one of `rooms` (all without them) and in none of `except`. @internal */
  _fetch(
    rooms: readonly string[] | undefined,
    except: readonly string[],
  ): Array<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> {
    const engine = engineOf(this.server);
    if (!engine) return [];
    const members = (names: readonly string[]) =>
      new Set(names.flatMap((room) => engine.native.roomMembers(engine.id, this.name, room)));
    const known = [...this.sockets.values()];
    const [included, excluded] = [rooms && members(rooms), members(except)];
    return known.filter(({ id }) => (included?.has(id) ?? true) && !excluded.has(id));
  }

  /** An asynchronous listener failed. @internal */
  override [REJECTION](error: unknown): void {
    raiseRejection(error);
  }

  /** @internal */
  _broadcast(rooms: string[], except: string[], flags: EmitFlags, args: unknown[]): void {
    const engine = engineOf(this.server);
    if (!engine) return;
    this._check(args);
    if (this._watchers.size > 0) {
      const members = (names: string[]) =>
        new Set(names.flatMap((room) => engine.native.roomMembers(engine.id, this.name, room)));
      const [included, excluded] = [members(rooms), members(except)];
      for (const socket of this._watchers) {
        const reached = rooms.length === 0 || included.has(socket.id);
        if (reached && !excluded.has(socket.id)) socket._notifyOutgoing(args);
      }
    }
    engine.emit(this.name, rooms, except, flags, args);
  }

  #heard(event: string | symbol): void {
    if (event === "connection" || event === "connect") this.#track();
  }

  #track(): void {
    this.#tracked = true;
    this._declare();
  }
}

acrossCopies(Namespace, "Namespace");

/** What neither a server nor a namespace has here. */
export const REFUSED_ON_NAMESPACES: Record<string, string> = {
  adapter: "rooms live in the native server",
  serverSideEmit: "there is one process",
};
/** The same, of methods that give promises. */
export const REJECTED_ON_NAMESPACES: Record<string, string> = {
  emitWithAck: "ask each socket",
  allSockets: "use fetchSockets",
  serverSideEmitWithAck: "there is one process",
};
refuseMembers(Namespace.prototype, "Namespace", REFUSED_ON_NAMESPACES);
rejectMembers(Namespace.prototype, "Namespace", REJECTED_ON_NAMESPACES);
