// A namespace: its listeners, its middleware, and the sockets that JavaScript knows of.

import { EventEmitter } from "node:events";
import { engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import { checkEvent } from "../options/schemas.js";
import type {
  Any,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DefaultEventsMap,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
  ReservedOrUserEventNames,
  ReservedOrUserListener,
} from "../options/typed-events.js";
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

/** Events of a namespace itself. */
export interface NamespaceReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> {
  connect: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  connection: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

/** Events of a server itself. */
export interface ServerReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  new_namespace: (namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

/** An operator that a namespace makes: who acknowledges its events are many. */
export type Broadcast<EmitEvents extends EventsMap, SocketData> = BroadcastOperator<
  DecorateAcknowledgementsWithMultipleResponses<EmitEvents>,
  SocketData
>;

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

  override on<
    E extends ReservedOrUserEventNames<
      NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents
    >,
  >(
    event: E,
    listener: ReservedOrUserListener<
      NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
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

  override once<
    E extends ReservedOrUserEventNames<
      NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
      ServerSideEvents
    >,
  >(
    event: E,
    listener: ReservedOrUserListener<
      NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
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
  override emit<E extends EventNamesWithoutAck<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    return new BroadcastOperator<EmitEvents, SocketData>(this).emit(event, ...args);
  }

  /** Emits a `message` event to every socket. */
  send(...args: EventParams<EmitEvents, "message">): this {
    this.#all.emit("message", ...(args as Any));
    return this;
  }

  /** The same as `send`. */
  write(...args: EventParams<EmitEvents, "message">): this {
    return this.send(...args);
  }

  to(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.#all.to(room);
  }

  in(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.to(room);
  }

  except(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.#all.except(room);
  }

  compress(compress: boolean): Broadcast<EmitEvents, SocketData> {
    return this.#all.compress(compress);
  }

  get volatile(): Broadcast<EmitEvents, SocketData> {
    return this.#all.volatile;
  }

  get local(): Broadcast<EmitEvents, SocketData> {
    return this.#all.local;
  }

  timeout(
    timeout: number,
  ): BroadcastOperator<
    DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>,
    SocketData
  > {
    return this.#all.timeout(timeout);
  }

  /** The sockets that JavaScript knows: see `sockets`. */
  fetchSockets(): Promise<Array<Socket<Any, EmitEvents, Any, SocketData>>> {
    return this.#all.fetchSockets();
  }

  socketsJoin(room: Rooms): void {
    this.#all.socketsJoin(room);
  }

  socketsLeave(room: Rooms): void {
    this.#all.socketsLeave(room);
  }

  disconnectSockets(close = false): void {
    this.#all.disconnectSockets(close);
  }

  get #all(): Broadcast<EmitEvents, SocketData> {
    return new BroadcastOperator(this);
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
