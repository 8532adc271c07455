// What the copies of this package in one process share: JavaScript modules may be loaded twice (ESM and CommonJS, or
// one copy per bundle), the state of the process may not.

/** What is there from the start; whoever keeps more here says so beside its code. */
export interface Registry {
  /** Warnings that were given already. */
  warned: Set<string>;
  /** The handlers of exit and signals, once installed. */
  removeExitHandlers?: (() => void) | undefined;
  /** A signal came that the application handles: it is about to end, most likely. */
  leaving?: boolean;
  /** Settles when that is known. */
  tested?: Promise<void>;
  /** The self-test is running. */
  testing?: boolean;
  /** How often it failed, and when it is tried again. */
  testFailures?: number;
  testAgain?: number;
  /** The URL that was said last to be that of the real-time server. */
  announced?: string;
  /** The last one of this thread is closed: what is emitted now is late, and no mistake. */
  ended?: boolean;
  /** Rooms that have members, once somebody wants to know. */
  activeRooms: Set<string>;
}

const KEY = Symbol.for("nself-realtime.registry");
const shared = globalThis as { [KEY]?: Registry };

/** The state that all copies in this thread share. */
export const registry: Registry =
  shared[KEY] ??
  ({
    warned: new Set(),
    engines: new Set(),
    producers: new Map(),
    activeRooms: new Set(),
  } as Registry);
shared[KEY] = registry;

/** Warns once per process. */
export function warnOnce(code: string, message: string): void {
  if (registry.warned.has(code)) return;
  registry.warned.add(code);
  process.emitWarning(`nself-realtime: ${message}`, { type: "RealtimeWarning", code });
}
