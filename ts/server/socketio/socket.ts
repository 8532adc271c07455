// One client in one namespace, as Socket.IO's Socket.

import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { ACK, type Engine, EVENT, engineOf } from "../engine/engine.js";
import { type EmitFlags, flagBits } from "../engine/flags.js";
import type { ConnectInfo, Handshake } from "../options/handshake.js";
import type {
  AllButLast,
  Any,
  DecorateAcknowledgements,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  ReservedOrUserEventNames,
  ReservedOrUserListener,
} from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import { refuseMembers } from "../process/errors.js";
import { later, REJECTION, raiseRejection } from "../process/handler-errors.js";
import { type Ack, Acks } from "./acks.js";
import type { Adapter } from "./adapter.js";
import { BroadcastOperator } from "./broadcast.js";
import type { Client } from "./client.js";
import type { Connection } from "./connection.js";
import { LiveSet } from "./live.js";
import type { Broadcast, Namespace } from "./namespace.js";
import type { Peer } from "./peers.js";
import {
  checkEventName,
  type DisconnectReason,
  type Rooms,
  roomList,
  type SocketReservedEventsMap,
} from "./socket-types.js";

type AnyListener = (...args: Any[]) => void;
/** An incoming event: its name, then its arguments. */
export type Event = [string, ...Any[]];
type EventMiddleware = (event: Event, next: (error?: Error) => void) => void;

export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = Any,
> extends EventEmitter {
  readonly id: string;
  readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents>;
  readonly handshake: Handshake;
  /** Who `authenticate` says this is; null without it. */
  readonly userId: string | null;
  /** Whether the client came back to this socket: id, rooms and data are those it had, and it got what it missed. */
  readonly recovered: boolean;
  /** Anything the application wants to keep with the socket. */
  data: SocketData = {} as SocketData;
  connected = false;

  readonly #engine: Engine | undefined;
  readonly #peer: Peer;
  readonly #key: number;
  #flags: EmitFlags = {};
  readonly #acks = new Acks();
  readonly #fns: EventMiddleware[] = [];
  #anyIncoming: AnyListener[] = [];
  #anyOutgoing: AnyListener[] = [];
  /** What middleware did before the connection was accepted: rooms and packets wait for it. */
  #before: Array<() => void> | undefined = [];
  #joinedBefore = new Set<string>();
  #rooms: LiveSet<string> | undefined;
  /** The rooms at the time of the disconnection, then none. */
  #lastRooms: Set<string> | undefined;

  /** Sockets are made by the server. */
  constructor(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    key: number,
    info: ConnectInfo,
    userId: string | null,
    peer: Peer,
  ) {
    super({ captureRejections: true });
    this.nsp = nsp;
    this.id = info.id;
    this.userId = userId;
    this.recovered = info.recovered === true;
    this.handshake = { ...info.handshake, auth: info.auth ?? {} };
    this.#key = key;
    this.#engine = engineOf(nsp.server);
    this.#peer = peer;
    // A client may send an event called "error"; without a listener that would end the process.
    this.on("error", () => {});
  }

  /**
   * The request that began the connection, the same for all its sockets: Node's own, if `allowRequest`, a middleware of `io.engine` or a
   * listener of headers has seen it; otherwise one of the same head.
   */
  get request(): IncomingMessage {
    return this.#peer.request;
  }

  /** The Socket.IO server. */
  get server(): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>["server"] {
    return this.nsp.server;
  }

  /** What the sockets of one connection share. */
  get client(): Client {
    return this.#peer.client;
  }

  /** The connection under this socket. */
  get conn(): Connection {
    return this.#peer.client.conn;
  }

  override on<E extends ReservedOrUserEventNames<SocketReservedEventsMap, ListenEvents>>(
    event: E,
    listener: ReservedOrUserListener<SocketReservedEventsMap, ListenEvents, E>,
  ): this {
    return super.on(event, listener);
  }

  override once<E extends ReservedOrUserEventNames<SocketReservedEventsMap, ListenEvents>>(
    event: E,
    listener: ReservedOrUserListener<SocketReservedEventsMap, ListenEvents, E>,
  ): this {
    return super.once(event, listener);
  }

  /** Emits to this client; a function as last argument gets the acknowledgement. Always true. */
  override emit<E extends EventNames<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    checkEventName(event);
    const packet: unknown[] = [event, ...args];
    const flags = this.#takeFlags();
    const last = packet.at(-1);
    let id: number | null = null;
    if (typeof last === "function") packet.pop();
    this.nsp._check(packet);
    if (typeof last === "function") {
      id = this.nsp._nextAckId();
      this.#acks.wait(id, (last as Ack).bind(this), flags.timeout);
    }
    this._notifyOutgoing(packet);
    // What may have to be sent again goes the way of a broadcast, which is remembered.
    const remembered = id === null && !flags.volatile && this.#engine?.options.native.recoveryDuration !== undefined;
    if (remembered) this.#whenReachable((engine) => engine.emit(this.nsp.name, [this.id], [], flags, packet));
    else this.#send(EVENT, id, flags, packet);
    return true;
  }

  /** Emits and waits for the acknowledgement; rejects after `timeout(ms)`, if that was given. */
  emitWithAck<E extends EventNamesWithAck<EmitEvents>>(
    event: E,
    ...args: AllButLast<EventParams<EmitEvents, E>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, E>>>> {
    const withError = this.#flags.timeout !== undefined;
    return new Promise((resolve, reject) => {
      const ack = (first: Any, second: Any) => {
        if (!withError) resolve(first);
        else if (first) reject(first);
        else resolve(second);
      };
      this.emit(event, ...([...args, ack] as unknown as EventParams<EmitEvents, E>));
    });
  }

  /** Emits a `message` event. */
  send(...args: EventParams<EmitEvents, "message">): this {
    this.emit("message", ...args);
    return this;
  }

  /** The same as `send`. */
  write(...args: EventParams<EmitEvents, "message">): this {
    return this.send(...args);
  }

  /** The next emit's callback gets an error after this many ms. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData> {
    this.#flags.timeout = timeout;
    return this as unknown as Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData>;
  }

  /** The next event is dropped if the client cannot take it right now. */
  get volatile(): this {
    this.#flags.volatile = true;
    return this;
  }

  /** False: the next event is sent as it is. Else it is compressed where that is on: options `perMessageDeflate`, `httpCompression`. */
  compress(compress: boolean): this {
    this.#flags.compress = compress;
    return this;
  }

  /** To the others in this namespace. */
  get broadcast(): Broadcast<EmitEvents, SocketData> {
    return this.#others();
  }

  get local(): Broadcast<EmitEvents, SocketData> {
    return this.#others().local;
  }

  /** To the others in these rooms. */
  to(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.#others().to(room);
  }

  in(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.#others().in(room);
  }

  except(room: Rooms): Broadcast<EmitEvents, SocketData> {
    return this.#others().except(room);
  }

  join(rooms: Rooms): void {
    const list = roomList(rooms);
    if (this.#before) for (const room of list) this.#joinedBefore.add(room);
    this.#whenConnected((engine) => engine.native.join(engine.id, this.#key, list));
  }

  leave(room: string): void {
    if (this.#before) this.#joinedBefore.delete(String(room));
    this.#whenConnected((engine) => engine.native.leave(engine.id, this.#key, [String(room)]));
  }

  /** Leaves every room, its own too. */
  leaveAll(): void {
    this.#joinedBefore.clear();
    this.#whenConnected((engine) => engine.native.leaveAll(engine.id, this.#key));
  }

  /** The rooms it is in, among them its own id: each look at it reads them from the native server. */
  get rooms(): Set<string> {
    this.#rooms ??= new LiveSet(() => this.#roomsNow());
    return this.#rooms;
  }

  /** The rooms of its namespace. */
  get adapter(): Adapter {
    return this.nsp.adapter;
  }

  get disconnected(): boolean {
    return !this.connected;
  }

  /** Leaves the namespace; with `close` the whole connection ends. */
  disconnect(close = false): this {
    if (!this.connected) return this;
    try {
      this._onclose("server namespace disconnect");
    } finally {
      this.#engine?.native.disconnect(this.#engine.id, this.#key, close);
    }
    return this;
  }

  /** Adds a middleware for incoming events. */
  use(fn: EventMiddleware): this {
    this.#fns.push(fn);
    return this;
  }

  /** Listens to every incoming event; the name comes first. */
  onAny(listener: AnyListener): this {
    this.#anyIncoming.push(listener);
    return this;
  }

  prependAny(listener: AnyListener): this {
    this.#anyIncoming.unshift(listener);
    return this;
  }

  offAny(listener?: AnyListener): this {
    this.#anyIncoming = without(this.#anyIncoming, listener);
    return this;
  }

  listenersAny(): AnyListener[] {
    return this.#anyIncoming;
  }

  /** Listens to every event sent to this client, acknowledgements excepted. */
  onAnyOutgoing(listener: AnyListener): this {
    this.#anyOutgoing.push(listener);
    this.nsp._watchers.add(this);
    return this;
  }

  prependAnyOutgoing(listener: AnyListener): this {
    this.#anyOutgoing.unshift(listener);
    this.nsp._watchers.add(this);
    return this;
  }

  offAnyOutgoing(listener?: AnyListener): this {
    this.#anyOutgoing = without(this.#anyOutgoing, listener);
    if (this.#anyOutgoing.length === 0) this.nsp._watchers.delete(this);
    return this;
  }

  listenersAnyOutgoing(): AnyListener[] {
    return this.#anyOutgoing;
  }

  /** @internal */
  _notifyOutgoing(packet: unknown[]): void {
    for (const listener of [...this.#anyOutgoing]) listener.apply(this, packet);
  }

  /** An asynchronous listener failed. @internal */
  override [REJECTION](error: unknown): void {
    raiseRejection(error);
  }

  /** The connection is accepted: what waited for it happens now, in order. @internal */
  _onconnect(): void {
    this.connected = true;
    const waiting = this.#before ?? [];
    this.#before = undefined;
    for (const action of waiting) action();
  }

  /** An event from the client. @internal */
  _onevent(args: unknown[], ackId: number | null | undefined): void {
    if (ackId !== null && ackId !== undefined) args.push(this.#acknowledge(ackId));
    for (const listener of [...this.#anyIncoming]) listener.apply(this, args);
    if (this.#fns.length === 0) {
      this.#emitLocal(args);
      return;
    }
    this.#run(args as Event, (error) => {
      later(() => {
        if (error) this._onerror(error);
        else this.#emitLocal(args);
      });
    });
  }

  /** An acknowledgement from the client. @internal */
  _onack(id: number | undefined, args: unknown[]): void {
    this.#acks.answer(id, args);
  }

  /** @internal */
  _onerror(error: unknown): void {
    super.emit("error", error);
  }

  /** The socket is gone, or about to. @internal */
  _onclose(reason: DisconnectReason, rooms?: string[], description?: Error): void {
    const wasConnected = this.connected;
    this.#before = undefined;
    if (rooms) this.#lastRooms = new Set(rooms);
    try {
      if (wasConnected) super.emit("disconnecting", reason, description);
    } finally {
      this.connected = false;
      this.#lastRooms = new Set();
      this.#acks.clear();
      this.nsp._remove(this);
      if (wasConnected) super.emit("disconnect", reason, description);
    }
  }

  #roomsNow(): Iterable<string> {
    if (this.#lastRooms) return this.#lastRooms;
    if (this.#before) return this.#joinedBefore;
    return this.#engine?.native.socketRooms(this.#engine.id, this.#key) ?? [];
  }

  #emitLocal(args: unknown[]): void {
    if (this.connected) super.emit(args[0] as string, ...args.slice(1));
  }

  #run(event: Event, done: (error?: Error) => void): void {
    const fns = [...this.#fns];
    const step = (index: number) => {
      const fn = fns[index];
      if (!fn) return done();
      fn(event, (error) => (error ? done(error) : step(index + 1)));
    };
    step(0);
  }

  /** The function that answers an event; it answers once. */
  #acknowledge(id: number): Ack {
    let sent = false;
    return (...args) => {
      if (sent) return;
      sent = true;
      this.#send(ACK, id, {}, args);
    };
  }

  #send(type: typeof EVENT | typeof ACK, id: number | null, flags: EmitFlags, args: unknown[]): void {
    this.#whenConnected((engine) => engine.send(this.#key, type, id, flagBits(flags), args));
  }

  #whenConnected(action: (engine: Engine) => void): void {
    const engine = this.#engine;
    if (!engine) return;
    if (this.#before) this.#before.push(() => action(engine));
    else if (this.connected) action(engine);
  }

  /** Also while the client is cut off: it may come back, and gets what it missed. */
  #whenReachable(action: (engine: Engine) => void): void {
    const cutOff = !this.#before && !this.connected;
    if (cutOff && this.#engine) action(this.#engine);
    else this.#whenConnected(action);
  }

  #takeFlags(): EmitFlags {
    const flags = this.#flags;
    this.#flags = {};
    return flags;
  }

  #others(): Broadcast<EmitEvents, SocketData> {
    return new BroadcastOperator(this.nsp, undefined, [this.id], this.#takeFlags());
  }
}

acrossCopies(Socket, "Socket");

function without(listeners: AnyListener[], listener: AnyListener | undefined): AnyListener[] {
  if (!listener) return [];
  const at = listeners.indexOf(listener);
  return at < 0 ? listeners : listeners.filter((_, index) => index !== at);
}

refuseMembers(Socket.prototype, "Socket", {});
