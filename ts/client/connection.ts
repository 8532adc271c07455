// One Socket.IO socket that stays connected: made when first opened, tried again after each loss, until it is closed.

import { io, type Socket } from "socket.io-client";
import { DEFAULT_PATH } from "../events.js";
import { Backoff } from "./backoff.js";
import { isBrowser, onWake } from "./browser.js";
import { throwLater } from "./error.js";
import { Transports } from "./transports.js";
import { type ConnectionStatus, OFFLINE, type Unsubscribe, type WebSocketClientOptions } from "./types.js";

const TIMEOUT = 10_000;

/** Told what happens on the connection. */
export interface ConnectionHandler {
  /** Before the status says so: what was kept for the server goes out ahead of what status listeners send. */
  connected(): void;
  disconnected(): void;
  event(type: string, payload: unknown): void;
}

export class Connection {
  readonly timeout: number;
  readonly #backoff: Backoff;
  readonly #transports: Transports;
  #socket: Socket | undefined;
  #wanted = false;
  #connectedAt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #sleep: Unsubscribe | undefined;
  #status: ConnectionStatus = OFFLINE;
  readonly #statusListeners = new Set<{ listener: (status: ConnectionStatus) => void }>();

  constructor(
    private readonly options: WebSocketClientOptions,
    private readonly handler: ConnectionHandler,
  ) {
    this.timeout = options.timeout ?? TIMEOUT;
    this.#backoff = new Backoff(options);
    this.#transports = new Transports(options.transports);
  }

  /** The socket, while it is connected. */
  get live(): Socket | undefined {
    return this.#socket?.connected ? this.#socket : undefined;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  onStatusChange(listener: (status: ConnectionStatus) => void): Unsubscribe {
    const entry = { listener };
    this.#statusListeners.add(entry);
    listener(this.#status);
    return () => this.#statusListeners.delete(entry);
  }

  /** Connects and stays connected. While it waits to try again, `now` tries at once. */
  open(now: boolean): void {
    if (!isBrowser()) return;
    // Wanted and not waiting is connected or being connected: a second CONNECT packet would be an error.
    if (this.#wanted) {
      if (now && this.#retry !== undefined) this.#attempt();
      return;
    }
    this.#wanted = true;
    this.#sleep = onWake(() => this.open(true));
    this.#attempt();
  }

  /** Ends the connection, and all attempts. */
  close(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#sleep?.();
    this.#cancelRetry();
    this.#socket?.disconnect();
    this.#change({ connected: false, reconnecting: false, reconnectAttempts: 0 });
  }

  #attempt(): void {
    this.#cancelRetry();
    this.#transports.begin();
    this.#connect();
  }

  #connect(): void {
    this.#socket ??= this.#create();
    this.#socket.io.opts.transports = this.#transports.order;
    this.#socket.connect();
  }

  #create(): Socket {
    const { url, path = DEFAULT_PATH, auth, withCredentials = false } = this.options;
    const options = {
      path,
      withCredentials,
      timeout: this.timeout,
      autoConnect: false,
      // Its own reconnection does not cover a server that closes the socket, and its waits are not ours.
      reconnection: false,
      forceNew: true,
      ...(auth === undefined ? {} : { auth }),
    };
    const socket = url === undefined ? io(options) : io(url, options);
    socket.on("connect", () => {
      this.#connectedAt = Date.now();
      this.#transports.connected(socket.io.engine);
      this.handler.connected();
      const lastConnected = new Date(this.#connectedAt).toISOString();
      this.#change({ connected: true, reconnecting: false, lastConnected, reconnectAttempts: 0 });
    });
    socket.on("disconnect", (reason, details) => {
      this.handler.disconnected();
      const age = Date.now() - this.#connectedAt;
      this.#lost(endedByServer(reason, details) ? this.#backoff.delayAfterClose(age) : this.#backoff.delay(0));
    });
    socket.on("connect_error", (error) => {
      // A refusal by the server is the same on every transport.
      const unreachable = "type" in error || error.message === "timeout";
      if (this.#wanted && unreachable && this.#transports.failed()) this.#later(0, () => this.#connect());
      else this.#lost(this.#backoff.delay(this.#status.reconnectAttempts), error.message);
    });
    socket.onAny((type: string, payload: unknown) => this.handler.event(type, payload));
    return socket;
  }

  #lost(delay: number, lastError?: string): void {
    if (!this.#wanted || this.#retry !== undefined) return;
    this.#later(delay, () => this.#attempt());
    const reconnectAttempts = this.#status.reconnectAttempts + 1;
    const status = { connected: false, reconnecting: true, reconnectAttempts };
    this.#change(lastError === undefined ? status : { ...status, lastError });
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

  #change(next: ConnectionStatus): void {
    const { lastConnected } = this.#status;
    this.#status = Object.freeze(lastConnected === undefined ? next : { lastConnected, ...next });
    for (const { listener } of [...this.#statusListeners]) {
      try {
        listener(this.#status);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

/** The server ended it in good order, or a server that knows nothing of it answered; not: the network or the server broke. */
function endedByServer(reason: string, details: unknown): boolean {
  if (reason === "io server disconnect") return true;
  const { description, context } = (details ?? {}) as { description?: unknown; context?: { wasClean?: unknown } };
  return context?.wasClean === true || description === "transport closed by the server" || description === 400;
}
