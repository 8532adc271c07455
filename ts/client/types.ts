// Public types of the browser client.

import type { SocketOptions } from "socket.io-client";

/** The state of the connection. A new frozen object replaces it at each change. */
export interface ConnectionStatus {
  readonly connected: boolean;
  /** The connection was lost, or could not be made, and is being tried again. */
  readonly reconnecting: boolean;
  /** While connected: the server recovered the connection before this one, so nothing was missed between. */
  readonly recovered?: true;
  /** When the connection was last known to be alive, ISO 8601; while there is one, when it was made. */
  readonly lastConnected?: string;
  /** Attempts since the connection was lost; 0 once connected. */
  readonly reconnectAttempts: number;
  /** When the next attempt begins, ISO 8601; not there while one is being made. */
  readonly nextAttemptAt?: string;
  /** Why the last attempt failed, such as the message of the server's refusal; not there once connected. */
  readonly lastError?: string;
  /**
   * Stable code of `lastError`, where it has one: the server's, such as `ERR_UNAUTHORIZED`; `ERR_INVALID_NAMESPACE`; or `ERR_AUTH` when
   * the option `auth` is a function that failed.
   */
  readonly code?: string;
  /**
   * The server refused, in a way that trying again does not change, so nothing is tried by itself any more: with `ERR_UNAUTHORIZED`,
   * `ERR_INVALID_TICKET`, `ERR_TICKET_EXPIRED`, `ERR_SESSION_ENDED` or `ERR_INVALID_NAMESPACE`; where `auth` is a function, which may have
   * better credentials the next time, after the second such refusal in a row. `retry` and `connect` try again, and so does the use of
   * the page, at most as often as the longest of `reconnectDelays`.
   */
  readonly refused?: true;
}

/** The state before the first connection. */
export const OFFLINE: ConnectionStatus = Object.freeze({ connected: false, reconnecting: false, reconnectAttempts: 0 });

/** What becomes of an event that is emitted without a connection: it waits for the next one, or emitting throws `ERR_OFFLINE`. */
export type OfflinePolicy = "queue" | "refuse";

/** Options of {@link WebSocketClient}. */
export interface WebSocketClientOptions {
  /** Origin of the server. Default: the page's own. */
  url?: string;
  /** Path of the server's endpoint. Default `/api/ws`. */
  path?: string;
  /**
   * Transports in the order they are tried. Default `["websocket", "polling"]`. After WebSocket failed, polling connects and changes to
   * WebSocket as soon as that works.
   */
  transports?: ReadonlyArray<"websocket" | "polling">;
  /**
   * Data of the handshake, or a function that gives it anew for each attempt, as in socket.io-client. It may be async; when it fails, the
   * attempt ends with `ERR_AUTH`.
   */
  auth?: NonNullable<SocketOptions["auth"]>;
  /** Sends cookies to a server of another origin, too. Default false. */
  withCredentials?: boolean;
  /** Longest wait, in ms, for a connection, for the answer to a join, and for an acknowledgement. Default 10 000. */
  timeout?: number;
  /** Waits before each attempt to reconnect, in ms; the last one repeats. Default 1, 2, 4, 8, 16 s. */
  reconnectDelays?: readonly number[];
  /** Makes each wait longer or shorter at random, by up to this share of it: 0 to 1. Default 0.5, so that all clients do not come at one. */
  jitter?: number;
  /**
   * When the server itself ended a connection that was well, as at a deploy, the first attempt comes at a random moment within this
   * time, in ms, so that all clients do not come at one. Default 1000.
   */
  spread?: number;
  /** How long the connection outlives its last user, in ms, so that a page change does not reconnect. Default 5000. */
  linger?: number;
  /** What becomes of events emitted without a connection. Default `"queue"`. */
  offline?: OfflinePolicy;
  /** Most events that wait for a connection; one more throws `ERR_QUEUE_FULL`. Default 100. */
  queueLimit?: number;
  /** How long an event waits for a connection, in ms; then it is reported with `ERR_EXPIRED`. Default 60 000. */
  queueExpiry?: number;
}

/** Options of {@link WebSocketClient.emit}. */
export interface EmitOptions {
  /** What becomes of it without a connection. Default: the client's own choice. */
  offline?: OfflinePolicy;
}

/** Options of {@link WebSocketClient.emitWithAck}. */
export interface AckOptions extends EmitOptions {
  /** Longest wait for the answer to one attempt, in ms. Default: the client's `timeout`. */
  timeout?: number;
  /** How often it is sent again when no answer came or the connection was lost. The server may then get it twice. Default 0. */
  retries?: number;
}

/** Ends what the call that returned it began. Calling it again does nothing. */
export type Unsubscribe = () => void;
