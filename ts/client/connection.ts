// One Socket.IO socket that stays connected: made when first opened, tried again after each loss, until it is closed or refused for good.

import { io, type Socket } from "socket.io-client";
import { ControlEvent } from "../events.js";
import { Backoff } from "./backoff.js";
import { isBrowser, onAttention } from "./browser.js";
import { endedByServer, type Failure, failureOf, isFinal, isUnreachable } from "./failure.js";
import type { CompleteOptions } from "./options.js";
import { Status } from "./status.js";
import { Transports } from "./transports.js";
import type { ConnectionStatus, Unsubscribe } from "./types.js";
import { Vigil } from "./vigil.js";

/** Shortest time between two attempts that clicks cause, in ms. */
const CLICK_GAP = 1000;

/** The option `auth` as a function. */
type Auth = (give: (data: object) => void) => unknown;

/** Told what happens on the connection. */
export interface ConnectionHandler {
  /** Before the status says so: what was kept for the server goes out ahead of what status listeners send. */
  connected(): void;
  disconnected(): void;
  /** It is not tried again. */
  refused(failure: Failure): void;
  event(type: string, payload: unknown): void;
}

export class Connection {
  readonly status = new Status();
  readonly #backoff: Backoff;
  readonly #transports: Transports;
  readonly #vigil = new Vigil({ slept: () => this.#slept(), silent: () => this.#drop(0) });
  #socket: Socket | undefined;
  #wanted = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #ignore: Unsubscribe | undefined;
  #attemptedAt = 0;
  /** 0: it is not connected. */
  #connectedAt = 0;
  #heardAt = 0;
  #lastConnected: string | undefined;
  /** Refusals in a row to which trying again with the same credentials is no answer. */
  #denials = 0;
  /** What we ended the connection or the attempt for, and the wait after it in ms. */
  #dropped: { delay: number; failure?: Failure } | undefined;

  constructor(
    private readonly options: CompleteOptions,
    private readonly handler: ConnectionHandler,
  ) {
    this.#backoff = new Backoff(options);
    this.#transports = new Transports(options.transports);
  }

  /** The socket, while it is connected. */
  get live(): Socket | undefined {
    return this.#socket?.connected ? this.#socket : undefined;
  }

  /** Connects and stays connected. */
  open(): void {
    if (!isBrowser()) return;
    // Wanted and not waiting is connected or being connected: a second CONNECT packet would be an error.
    if (this.#wanted) {
      this.#used();
      return;
    }
    this.#wanted = true;
    const woken = () => {
      this.#vigil.look();
      if (this.#retry !== undefined) this.#attempt();
      else this.#used();
    };
    this.#ignore = onAttention(woken, () => this.#used());
    this.#vigil.start();
    this.#attempt();
  }

  /** Tries at once where it waits for the next attempt, or was refused. */
  retry(): void {
    if (this.#wanted && (this.#retry !== undefined || this.status.current.refused)) this.#attempt();
  }

  /** Ends the connection, and all attempts. */
  close(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#ignore?.();
    this.#vigil.stop();
    this.#cancelRetry();
    this.#socket?.disconnect();
    this.#change({ connected: false, reconnecting: false, reconnectAttempts: 0 });
  }

  /** Somebody is there: does not wait any longer, unless it tried just now. What was refused is not asked more often than by itself. */
  #used(): void {
    const gap = this.status.current.refused ? this.#backoff.longest : CLICK_GAP;
    if (Date.now() - this.#attemptedAt >= gap) this.retry();
  }

  #slept(): boolean {
    const { live } = this;
    if (live) live.emit(ControlEvent.Heartbeat);
    else if (this.#retry !== undefined) this.#attempt();
    // An attempt that was under way before the sleep would only end with its timeout.
    else if (!this.status.current.refused) this.#drop(0);
    return live !== undefined;
  }

  /** Gives up the connection, or the attempt, without a word to the server: it is not there, or it keeps the session for the next one. */
  #drop(delay: number, failure?: Failure): void {
    this.#dropped = failure ? { delay, failure } : { delay };
    this.#socket?.io._close();
    this.#dropped = undefined;
  }

  #attempt(): void {
    this.#cancelRetry();
    this.#attemptedAt = Date.now();
    this.#transports.begin();
    const { nextAttemptAt, ...status } = this.status.current;
    if (nextAttemptAt !== undefined) this.status.change(status);
    this.#connect();
  }

  #connect(): void {
    this.#socket ??= this.#create();
    this.#socket.io.opts.transports = this.#transports.order;
    this.#socket.connect();
  }

  #create(): Socket {
    const { url, path, withCredentials, timeout, auth } = this.options;
    const options = {
      path,
      withCredentials,
      timeout,
      autoConnect: false,
      // See Backoff.
      reconnection: false,
      forceNew: true,
      ...(auth === undefined ? {} : { auth: typeof auth === "function" ? this.#guarded(auth as Auth) : auth }),
    };
    const socket = url === undefined ? io(options) : io(url, options);
    socket.on("connect", () => this.#made(socket));
    socket.on("disconnect", (reason, details) => this.#ended(reason, details));
    socket.on("connect_error", (error) => {
      const failure = failureOf(error);
      if (!this.#wanted) return;
      if (isUnreachable(error) && this.#transports.failed()) this.#later(0, () => this.#connect());
      else if (this.#isRefusal(failure)) this.#refused(failure);
      else this.#lost(this.#nextDelay(), failure);
    });
    socket.onAny((type: string, payload: unknown) => {
      if (type === ControlEvent.Pong) this.#vigil.heard(true);
      this.handler.event(type, payload);
    });
    return socket;
  }

  #made(socket: Socket): void {
    const { engine } = socket.io;
    this.#connectedAt = Date.now();
    this.#heardAt = this.#connectedAt;
    this.#denials = 0;
    engine.on("packet", () => {
      if (socket.io.engine !== engine) return;
      this.#heardAt = Date.now();
      this.#vigil.heard(false);
    });
    this.#transports.connected(engine);
    this.#seen(this.#connectedAt);
    this.handler.connected();
    const status = { connected: true, reconnecting: false, reconnectAttempts: 0 };
    this.#change(socket.recovered ? { ...status, recovered: true } : status);
  }

  #ended(reason: string, details: unknown): void {
    this.handler.disconnected();
    const now = Date.now();
    let delay = this.#nextDelay();
    if (this.#connectedAt > 0) {
      if (endedByServer(reason, details)) delay = this.#backoff.delayAfterClose(now - this.#connectedAt);
      // Of a connection that only fell silent nobody knows when it ended.
      this.#seen(reason === "ping timeout" || this.#dropped ? this.#heardAt : now);
      this.#connectedAt = 0;
    }
    if (this.#dropped) delay = this.#dropped.delay;
    // Lost in the sleep: that says nothing of the server.
    else if (this.#vigil.asks) delay = 0;
    this.#vigil.heard(true);
    this.#lost(delay, this.#dropped?.failure);
  }

  /** `auth`, such that its failure ends the attempt instead of leaving it without an answer, and its late answer does not meet the next one. */
  #guarded(auth: Auth): Auth {
    return async (give) => {
      const engine = this.#socket?.io.engine;
      const isCurrent = () => this.#socket?.io.engine === engine && this.#retry === undefined && this.#wanted;
      try {
        await auth((data) => {
          if (isCurrent()) give(data);
        });
      } catch (error) {
        // Not while Socket.IO is still opening.
        await null;
        const lastError = error instanceof Error ? error.message : String(error);
        if (isCurrent()) this.#drop(this.#nextDelay(), { lastError, code: "ERR_AUTH" });
      }
    };
  }

  /** A function may have better credentials the next time; not so when these were refused as well. */
  #isRefusal(failure: Failure): boolean {
    this.#denials = isFinal(failure) ? this.#denials + 1 : 0;
    return this.#denials > (typeof this.options.auth === "function" ? 1 : 0);
  }

  #refused(failure: Failure): void {
    this.handler.refused(failure);
    const { reconnectAttempts } = this.status.current;
    this.#change({ connected: false, reconnecting: false, refused: true, reconnectAttempts, ...failure });
  }

  #lost(delay: number, failure?: Failure): void {
    if (!this.#wanted || this.#retry !== undefined) return;
    this.#later(delay, () => this.#attempt());
    const reconnectAttempts = this.status.current.reconnectAttempts + 1;
    const nextAttemptAt = new Date(Date.now() + delay).toISOString();
    this.#change({ connected: false, reconnecting: true, reconnectAttempts, nextAttemptAt, ...failure });
  }

  #nextDelay(): number {
    return this.#backoff.delay(this.status.current.reconnectAttempts);
  }

  #later(delay: number, run: () => void): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      run();
    }, delay);
  }

  #cancelRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #seen(time: number): void {
    this.#lastConnected = new Date(time).toISOString();
  }

  #change(next: Omit<ConnectionStatus, "lastConnected">): void {
    this.status.change(this.#lastConnected === undefined ? next : { ...next, lastConnected: this.#lastConnected });
  }
}
