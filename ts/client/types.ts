// Public types of the browser client.

import type { SocketOptions } from "socket.io-client";

/** The state of the connection. A new frozen object replaces it at each change. */
export interface ConnectionStatus {
  readonly connected: boolean;
  /** The connection was lost, or could not be made, and is being tried again. */
  readonly reconnecting: boolean;
  /** When the connection was last made, ISO 8601. */
  readonly lastConnected?: string;
  /** Attempts since the connection was lost; 0 once connected. */
  readonly reconnectAttempts: number;
}

/** The state before the first connection. */
export const OFFLINE: ConnectionStatus = Object.freeze({ connected: false, reconnecting: false, reconnectAttempts: 0 });

/** Options of {@link WebSocketClient}. */
export interface WebSocketClientOptions {
  /** Origin of the server. Default: the page's own. */
  url?: string;
  /** Path of the server's endpoint. Default `/api/ws`. */
  path?: string;
  /** Transports in the order they are tried. Default `["websocket", "polling"]`. */
  transports?: ReadonlyArray<"websocket" | "polling">;
  /** Data of the handshake, or a function that gives it anew for each attempt, as in socket.io-client. */
  auth?: NonNullable<SocketOptions["auth"]>;
  /** Longest wait, in ms, for a connection or for the answer to a join. Default 10 000. */
  timeout?: number;
  /** Waits before each attempt to reconnect, in ms; the last one repeats. Default 1, 2, 4, 8, 16 s. */
  reconnectDelays?: readonly number[];
  /** How long the connection outlives its last user, in ms, so that a page change does not reconnect. Default 5000. */
  linger?: number;
  /** Most events that {@link WebSocketClient.emit} keeps while there is no connection. Default 100. */
  queueLimit?: number;
}

/** Ends what the call that returned it began. Calling it again does nothing. */
export type Unsubscribe = () => void;
