// One Socket.IO socket that stays connected: made when first opened, tried again after each loss, until it is closed.

import { io, type Socket } from "socket.io-client";
import { DEFAULT_PATH } from "../events.js";
import { throwLater } from "./error.js";
import { type ConnectionStatus, OFFLINE, type Unsubscribe, type WebSocketClientOptions } from "./types.js";

const RECONNECT_DELAYS: readonly number[] = [1000, 2000, 4000, 8000, 16_000];
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
  readonly #delays: readonly number[];
  #transports: string[];
  #socket: Socket | undefined;
  #wanted = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #status: ConnectionStatus = OFFLINE;
  readonly #statusListeners = new Set<{ listener: (status: ConnectionStatus) => void }>();

  constructor(
    private readonly options: WebSocketClientOptions,
    private readonly handler: ConnectionHandler,
  ) {
    this.timeout = options.timeout ?? TIMEOUT;
    this.#delays = options.reconnectDelays?.length ? options.reconnectDelays : RECONNECT_DELAYS;
    this.#transports = [...(options.transports ?? ["websocket", "polling"])];
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
    const waiting = this.#retry !== undefined;
    // Wanted and not waiting is connected or being connected: a second CONNECT packet would be an error.
    if (typeof window === "undefined" || (this.#wanted && !(now && waiting))) return;
    this.#wanted = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#socket ??= this.#create();
    this.#socket.connect();
  }

  /** Ends the connection, and all attempts. */
  close(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#socket?.disconnect();
    this.#change({ connected: false, reconnecting: false, reconnectAttempts: 0 });
  }

  #create(): Socket {
    const { url, path = DEFAULT_PATH, auth } = this.options;
    const options = {
      path,
      transports: this.#transports,
      tryAllTransports: true,
      timeout: this.timeout,
      autoConnect: false,
      // Its own reconnection does not cover a server that closes the socket, and its waits are not ours.
      reconnection: false,
      forceNew: true,
      ...(auth === undefined ? {} : { auth }),
    };
    const socket = url === undefined ? io(options) : io(url, options);
    socket.on("connect", () => {
      this.handler.connected();
      const lastConnected = new Date().toISOString();
      this.#change({ connected: true, reconnecting: false, lastConnected, reconnectAttempts: 0 });
    });
    socket.on("disconnect", () => {
      this.handler.disconnected();
      this.#lost();
    });
    socket.on("connect_error", (error) => {
      if (error.message === "timeout") this.#rotateTransports(socket);
      this.#lost();
    });
    socket.onAny((type: string, payload: unknown) => this.handler.event(type, payload));
    return socket;
  }

  // A proxy may swallow a WebSocket handshake without an answer: the next attempt then begins with the other transport.
  #rotateTransports(socket: Socket): void {
    this.#transports = [...this.#transports.slice(1), ...this.#transports.slice(0, 1)];
    socket.io.opts.transports = this.#transports;
  }

  #lost(): void {
    if (!this.#wanted || this.#retry !== undefined) return;
    const attempt = this.#status.reconnectAttempts;
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#socket?.connect();
      },
      this.#delays[Math.min(attempt, this.#delays.length - 1)],
    );
    this.#change({ connected: false, reconnecting: true, reconnectAttempts: attempt + 1 });
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
