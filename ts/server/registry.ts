// What the copies of this package in one process share: JavaScript modules may be loaded twice (ESM and CommonJS, or
// one copy per bundle), the state of the process may not.

import type { Engine } from "./engine.js";
import type { LoopDelay } from "./loop-delay.js";
import type { Producer } from "./producers.js";
import type { Running } from "./realtime.js";
import type { Verdict } from "./selftest.js";
import type { WebSocketServer } from "./websocket-server.js";

interface Registry {
  /** Warnings that were given already. */
  warned: Set<string>;
  /** Every open native server, for the handlers of exit and signals. */
  engines: Set<Engine>;
  /** The handlers of exit and signals, once installed. */
  removeExitHandlers?: (() => void) | undefined;
  /** A signal came that the application handles: it is about to end, most likely. */
  leaving?: boolean;
  /** How WebSockets are taken from Node, by the self-test, once an HTTP server was attached. */
  takeover?: Verdict;
  /** Settles when that is known. */
  tested?: Promise<void>;
  /** The self-test is running. */
  testing?: boolean;
  /** How often it failed, and when it is tried again. */
  testFailures?: number;
  testAgain?: number;
  /** The URL that was said last to be that of the real-time server. */
  announced?: string;
  /** The one handle that getWebSocketServer() gives. */
  handle?: WebSocketServer;
  /** The process's real-time server, while it runs in this thread. */
  running?: Running | undefined;
  /** The last one of this thread is closed: what is emitted now is late, and no mistake. */
  ended?: boolean;
  /** What runs while a room has members, by rooms and name. */
  producers: Map<string, Producer>;
  /** Rooms that have members, once somebody wants to know. */
  activeRooms: Set<string>;
  /** Measures this thread's delay, once somebody wants to know. */
  delay?: LoopDelay;
}

const KEY = Symbol.for("nself-realtime.registry");
const shared = globalThis as { [KEY]?: Registry };

/** The state that all copies in this thread share. */
export const registry: Registry = shared[KEY] ?? {
  warned: new Set(),
  engines: new Set(),
  producers: new Map(),
  activeRooms: new Set(),
};
shared[KEY] = registry;

/** Warns once per process. */
export function warnOnce(code: string, message: string): void {
  if (registry.warned.has(code)) return;
  registry.warned.add(code);
  process.emitWarning(`nself-realtime: ${message}`, { type: "RealtimeWarning", code });
}
