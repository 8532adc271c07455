// A namespace: its listeners, its middleware, and the sockets that JavaScript knows of.

import { EventEmitter } from "node:events";
import type { Answered } from "../engine/asking.js";
import { type Engine, engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import { checkEvent } from "../options/schemas.js";
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
import { rejectMembers } from "../process/errors.js";
import { REJECTION, raiseRejection, whenUnsupported } from "../process/handler-errors.js";
import { warnOnce } from "../process/registry.js";
import { Adapter } from "./adapter.js";
import { BroadcastOperator } from "./broadcast.js";
import type { RemoteSocket } from "./remote-socket.js";
import type { Server } from "./server.js";
import type { Socket } from "./socket.js";
import type { ExtendedError, Rooms } from "./socket-types.js";

/** Events that are a namespace's own. */
const RESERVED: ReadonlySet<unknown> = new Set(["connect", "connection", "new_namespace"]);

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
  /** The open server of which it knows every socket, if it does. */
  #complete: Engine | undefined;
  #adapter: Adapter | undefined;
  #nextAck = 0;
  /** Sockets about which middleware decides. @internal */
  readonly _preConnectSockets = new Map<string, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();
  /** Called when the last known socket has gone. @internal */
  _onEmpty: (() => void) | undefined;
  /** Sockets with a listener for outgoing events. @internal */
  readonly _watchers = new Set<Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();

  constructor(server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, name: string) {
    super({ captureRejections: true });
    this.server = server;
    this.name = name;
  }

  /** The connected sockets by id: a connection that nobody listens for gets its object with the first look at this map. */
  get sockets(): Map<string, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> {
    const engine = engineOf(this.server);
    if (!this.#tracked) this.#track();
    if (engine && this.#complete !== engine) {
      this.server._adopt(this);
      this.#complete = engine;
    }
    return this.#sockets;
  }

  /** The rooms, to look at and to listen to. */
  get adapter(): Adapter {
    this.#adapter ??= new Adapter(this);
    return this.#adapter;
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

  /** All sockets: each that JavaScript knows as its own object, the others as they are now. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.#all.fetchSockets() as Promise<Any>;
  }

  /** The ids of all sockets. */
  allSockets(): Promise<Set<string>> {
    return this.#all.allSockets();
  }

  /** To the other servers, of which there are none: an acknowledgement gets an empty list at once. */
  serverSideEmit<E extends EventNames<ServerSideEvents>>(
    event: E,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, E>
  ): boolean {
    if (RESERVED.has(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    warnOnce("NSELF_SERVER_SIDE_EMIT", "serverSideEmit() reaches nobody: there is one server. This is said once.");
    const ack: unknown = args.at(-1);
    if (typeof ack === "function") process.nextTick(ack as (error: null, responses: unknown[]) => void, null, []);
    return true;
  }

  /** The same, and waits for what they acknowledge: an empty list. */
  serverSideEmitWithAck<E extends EventNamesWithAck<ServerSideEvents>>(
    event: E,
    ...args: AllButLast<EventParams<ServerSideEvents, E>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, E>>>[]> {
    return new Promise((resolve) => {
      this.serverSideEmit(event, ...([...args, (_: null, responses: Any) => resolve(responses)] as Any));
    });
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

  /** A server was opened; nobody is there yet. @internal */
  _opened(): void {
    this._declare();
    if (this._tracked) this.#complete = engineOf(this.server);
    this.#adapter?._opened();
  }

  /** A socket came into a room, or left it. @internal */
  _stay(room: string, id: string, joined: boolean): void {
    this.#adapter?._stay(room, id, joined);
  }

  /** Its middleware and its listeners for connections, for a namespace that is made after it. @internal */
  _handOn(to: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    for (const fn of this.#fns) to.use(fn);
    for (const event of ["connect", "connection"] as const) {
      for (const listener of this.listeners(event)) to.on(event, listener as Any);
    }
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

  /** A socket was there before anybody looked. @internal */
  _adopt(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.#sockets.set(socket.id, socket);
    socket._onconnect();
  }

  /** @internal */
  _remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.#sockets.delete(socket.id);
    this._watchers.delete(socket);
    this._left();
  }

  /** Somebody has gone, or was refused. @internal */
  _left(): void {
    if (this.#sockets.size === 0) this._onEmpty?.();
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

  /** The sockets that are in one of `rooms` (all if empty) and in none of `except`. @internal */
  _fetch(rooms: string[], except: string[]): RemoteSocket<EmitEvents, SocketData>[] {
    const engine = engineOf(this.server);
    if (!engine) return [];
    const find = (detail: "unknown" | "all") => engine.native.findSockets(engine.id, this.name, rooms, except, detail);
    const found = find("unknown").map((one) => this.server._known(this, one));
    // Of some JavaScript was told, but has not heard yet.
    const late = found.some((one) => one === undefined) ? find("all") : [];
    const all = late.length > 0 ? late.map((one) => this.server._known(this, one)) : found;
    return all.filter((one) => one !== undefined && one !== null) as Any;
  }

  /** Their ids. @internal */
  _ids(rooms: string[], except: string[]): string[] {
    const engine = engineOf(this.server);
    const found = engine?.native.findSockets(engine.id, this.name, rooms, except, "id") ?? [];
    return found.map(({ id }) => id);
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
    this.#notifyWatchers(engine, rooms, except, args);
    engine.emit(this.name, rooms, except, flags, args);
  }

  /** @internal */
  _ask(rooms: string[], except: string[], flags: EmitFlags, args: unknown[], done: Answered): void {
    const engine = engineOf(this.server);
    if (!engine) {
      setTimeout(done, flags.timeout, false, []);
      return;
    }
    this._check(args);
    this.#notifyWatchers(engine, rooms, except, args);
    engine.asking.ask(this.name, rooms, except, this._nextAckId(), flags, args, done);
  }

  #notifyWatchers(engine: Engine, rooms: string[], except: string[], args: unknown[]): void {
    if (this._watchers.size === 0) return;
    const members = (names: string[]) =>
      new Set(names.flatMap((room) => engine.native.roomMembers(engine.id, this.name, room)));
    const [included, excluded] = [members(rooms), members(except)];
    for (const socket of this._watchers) {
      const reached = rooms.length === 0 || included.has(socket.id);
      if (reached && !excluded.has(socket.id)) socket._notifyOutgoing(args);
    }
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

/** What neither a server nor a namespace has, in Socket.IO either, but many look for. */
export const REJECTED_ON_NAMESPACES: Record<string, string> = {
  emitWithAck: "use timeout(ms).emitWithAck(…)",
};
rejectMembers(Namespace.prototype, "Namespace", REJECTED_ON_NAMESPACES);
