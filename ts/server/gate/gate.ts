// What the ways in from Node need of the engine behind them.

import type { Duplex } from "node:stream";
import type { ParsedOptions } from "../options/option-table.js";
import type { Native } from "../process/binding.js";
import type { Hooks } from "./hooks.js";
import type { Polling } from "./polling.js";

/** An open native server, as the gate sees it. */
export interface Gate {
  readonly native: Native;
  readonly id: number;
  readonly options: ParsedOptions;
  readonly polling: Polling;
  /** What the application puts before requests. */
  readonly hooks: Hooks;
  readonly closing: boolean;
  /** Flushes and closes every connection. */
  close(): Promise<string>;
  /** The same, blocking. */
  closeNow(deadline?: number): void;
  /** WebSockets that go through Node. */
  readonly piped: Set<Duplex>;
  /** How many WebSockets came from Node, by the way they took. */
  readonly came: { taken: number; piped: number };
  /** Whether an HTTP server has stopped listening, and waits for connections that are ours. */
  readonly holdsClosingServer: boolean;
  /** The same as `closeNow`, for the exit of the process. */
  closeAtExit(): void;
}
