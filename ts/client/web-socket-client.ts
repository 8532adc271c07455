// The browser's client: typed events, rooms and a queue on top of one connection.

import type { Socket } from "socket.io-client";
import { ControlEvent, type RoomAck, type ServerEvents } from "../events.js";
import { ask, timedOut } from "./ask.js";
import { isBrowser } from "./browser.js";
import { Connection } from "./connection.js";
import { toArgs, toData } from "./envelope.js";
import { RealtimeClientError, throwLater } from "./error.js";
import { Listeners } from "./listeners.js";
import { type CompleteOptions, complete } from "./options.js";
import { Outbox } from "./outbox.js";
import { Rooms, toAck } from "./rooms.js";
import type {
  AckOptions,
  ConnectionStatus,
  EmitOptions,
  OfflinePolicy,
  Unsubscribe,
  WebSocketClientOptions,
} from "./types.js";

const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);

/**
 * A client of the real-time server. It can be made anywhere, also while a page renders on the server, where it does nothing; nothing
 * connects before `connect` or `retain`.
 */
export class WebSocketClient {
  /** What it was made with, and the defaults of the rest. */
  readonly options: Readonly<CompleteOptions>;
  readonly #connection: Connection;
  readonly #listeners = new Listeners();
  readonly #rooms: Rooms;
  readonly #outbox: Outbox;
  #explicit = false;
  #stopped = false;
  #holders = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WebSocketClientOptions = {}) {
    this.options = complete(options);
    this.#outbox = new Outbox(this.options.queueLimit, this.options.queueExpiry);
    this.#rooms = new Rooms({
      isConnected: () => this.isConnected(),
      request: (event, roomId, done) => this.#request(event, roomId, done),
      refused: (roomId, { code, error }) => this.#report(code, `Room ${roomId} was not joined again: ${error}`),
    });
    this.#connection = new Connection(this.options, {
      connected: () => {
        this.#rooms.connected();
        this.#outbox.flush(() => this.#connection.live);
      },
      disconnected: () => this.#rooms.disconnected(),
      refused: (failure) => this.#rooms.refused(failure),
      event: (type, payload) => {
        const known = toData(type, payload);
        if (known) this.#listeners.dispatch(type, known.data);
        else this.#report("ERR_INVALID_EVENT", `The server sent a "${type}" that is none: ${preview(payload)}`);
      },
    });
  }

  /** Connects, and stays connected until `disconnect`; while waiting to reconnect, it tries at once. Does nothing where there is no `window`. */
  connect(): void {
    this.#explicit = true;
    this.#stopped = false;
    this.#connection.open();
    this.#connection.retry();
  }

  /**
   * Tries at once, where the client waits for its next attempt or was refused: for a button "retry now", and after a login. It does nothing
   * while there is a connection, and does not undo `disconnect`.
   */
  retry(): void {
    this.#connection.retry();
  }

  /** Disconnects at once, whoever uses the connection; only `connect` ends that. Listeners, rooms and queued events are kept for it. */
  disconnect(): void {
    this.#explicit = false;
    this.#stopped = true;
    this.#connection.close();
  }

  /**
   * Connects, and stays connected until `linger` ms after the result was called by the last holder. The hooks use it. It does not undo
   * `disconnect`.
   */
  retain(): Unsubscribe {
    if (!isBrowser()) return () => {};
    this.#holders++;
    clearTimeout(this.#idle);
    if (!this.#stopped) this.#connection.open();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#holders > 0) return;
      this.#idle = setTimeout(() => {
        if (!this.#explicit) this.#connection.close();
      }, this.options.linger);
    };
  }

  /**
   * Calls `listener` with the data of each event named `type`; an event that is not in the envelope is handed over as it is. A known
   * event whose data does not fit its type is not handed over, but reported as an `error` event with code `ERR_INVALID_EVENT`.
   */
  on<K extends keyof ServerEvents>(type: K, listener: (data: ServerEvents[K]) => void): Unsubscribe;
  on<T = unknown>(type: string, listener: (data: T) => void): Unsubscribe;
  on(type: string, listener: (data: never) => void): Unsubscribe {
    return this.#listeners.add(type, listener as (data: unknown) => void);
  }

  /** Takes `listener` off the event `type`. */
  off(type: string, listener: (data: never) => void): void {
    this.#listeners.remove(type, listener as (data: unknown) => void);
  }

  /** Calls `listener` at once with the status, and again at each change. */
  onStatusChange(listener: (status: ConnectionStatus) => void): Unsubscribe {
    return this.#connection.status.follow(listener);
  }

  /**
   * Sends `data` in the envelope, or nothing but the name if there is no `data`. Without a connection the event waits for the next one,
   * or `ERR_OFFLINE` is thrown; `ERR_QUEUE_FULL` when too many wait; `ERR_RESERVED_EVENT` for a name that Socket.IO keeps for itself. One
   * that waited too long is reported as an `error` event with code `ERR_EXPIRED`. What was sent just before the connection broke may be
   * lost on the way: where that matters, use `emitWithAck`.
   */
  emit(type: string, data?: unknown, { offline = this.options.offline }: EmitOptions = {}): void {
    const args = toArgs(type, data);
    const fail = (error: unknown) => {
      if (error instanceof RealtimeClientError) this.#report(error.code, error.message);
      else throwLater(error);
    };
    this.#post(type, offline, (socket) => socket.emit(type, ...args), fail);
  }

  /**
   * Sends like `emit` and gives the server's answer. Rejects with `ERR_TIMEOUT` or `ERR_DISCONNECTED` when it was sent and no answer
   * came, also to the last retry: the server may have got it. With `ERR_EXPIRED` or a code of `emit` when it was never sent.
   */
  emitWithAck<T = unknown>(type: string, data?: unknown, options: AckOptions = {}): Promise<T> {
    const { timeout = this.options.timeout, retries = 0, offline = this.options.offline } = options;
    const post = (send: (socket: Socket) => void, fail: (error: unknown) => void) =>
      this.#post(type, offline, send, fail);
    return ask<T>({ type, args: toArgs(type, data), timeout, retries, post });
  }

  /**
   * Joins a room, now or once connected, and again after each reconnect, until every caller has left it. The answer comes when the
   * server has decided about the room or refused the connection, or when the room is left before; it never rejects. A refusal after a
   * reconnect arrives as an `error` event.
   */
  joinRoom(roomId: string): Promise<RoomAck> {
    if (!isBrowser()) return Promise.resolve({ ok: false, code: "ERR_OFFLINE", error: NO_BROWSER });
    return this.#rooms.join(roomId);
  }

  /** Takes back one `joinRoom`; the last one leaves the room. */
  leaveRoom(roomId: string): Promise<RoomAck> {
    return this.#rooms.leave(roomId);
  }

  /** The status; the same object until it changes. */
  getStatus(): ConnectionStatus {
    return this.#connection.status.current;
  }

  /** Whether there is a connection now. */
  isConnected(): boolean {
    return this.#connection.live !== undefined;
  }

  /** Sends now, or when there is a connection; `fail` hears if that comes to nothing. Throws what `emit` throws. */
  #post(type: string, offline: OfflinePolicy, send: (socket: Socket) => void, fail: (error: unknown) => void): void {
    if (RESERVED.has(type)) throw new RealtimeClientError("ERR_RESERVED_EVENT", `"${type}" is a reserved event name`);
    const { live } = this.#connection;
    if (live) send(live);
    else if (!isBrowser()) throw new RealtimeClientError("ERR_OFFLINE", NO_BROWSER);
    else if (offline === "refuse") throw new RealtimeClientError("ERR_OFFLINE", `"${type}" needs a connection`);
    else this.#outbox.add(type, send, fail);
  }

  #request(event: string, roomId: string, done: (ack: RoomAck | null) => void): void {
    const socket = this.#connection.live;
    if (!socket) {
      done(null);
      return;
    }
    const connection = socket.id;
    const { timeout } = this.options;
    socket.timeout(timeout).emit(event, ...toArgs(event, { roomId }), (failed: unknown, ack: unknown) => {
      if (socket.id !== connection) done(null);
      else if (failed) done({ ok: false, code: "ERR_TIMEOUT", error: timedOut(event, timeout).message });
      else done(toAck(ack));
    });
  }

  /** An `error` event of the client's own. Without a listener it goes to the console: nothing is lost in silence. */
  #report(code: string, error: string): void {
    if (this.#listeners.has(ControlEvent.Error)) this.#listeners.dispatch(ControlEvent.Error, { code, error });
    else console.error(`nself-realtime: ${code}: ${error}`);
  }
}

const NO_BROWSER = "There is no connection where a page renders on the server";

function preview(payload: unknown): string {
  return String(JSON.stringify(payload)).slice(0, 200);
}
