// Sees to it that what was emitted is sent before the process ends, however it ends.

import { registry } from "../process/registry.js";
import type { Gate } from "./gate.js";

declare module "../process/registry.js" {
  interface Registry {
    /** Every open native server, for the handlers of exit and signals. */
    engines: Set<Gate>;
  }
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** How often to look whether an HTTP server has begun to close, in ms. */
const LOOK = 100;
/** How long requests in flight may go on emitting to polling clients once it has, in ms. */
const LAST_WORDS = 2000;

/** Installs the handlers with the first server. */
export function keepUntilExit(engine: Gate): void {
  registry.engines.add(engine);
  registry.removeExitHandlers ??= install();
}

/** Removes them with the last. */
export function releaseFromExit(engine: Gate): void {
  registry.engines.delete(engine);
  if (registry.engines.size > 0) return;
  registry.removeExitHandlers?.();
  registry.removeExitHandlers = undefined;
}

function install(): () => void {
  let looking: NodeJS.Timeout | undefined;
  let leaving = false;
  const onSignal = (signal: NodeJS.Signals) => {
    // Ours is first in line (see below), so a `once` listener of somebody else still counts.
    if (process.listenerCount(signal) > 1) {
      registry.leaving = true;
      looking ??= watchClosingServers();
      return;
    }
    // Nobody else handles the signal: close, then let it do what it would have done without us. Not in one go, as at
    // exit: a polling client has yet to fetch its last events. A second signal does not wait.
    if (leaving) return flush();
    leaving = true;
    const closed = [...registry.engines].map((engine) => engine.close());
    void Promise.all(closed).then(() => process.kill(process.pid, signal));
  };
  process.on("exit", flush);
  for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  return () => {
    clearInterval(looking);
    registry.leaving = false;
    process.off("exit", flush);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}

/** Blocks, within each server's shutdownTimeout: Next calls process.exit, and then nothing asynchronous runs any more. */
function flush(): void {
  for (const engine of [...registry.engines]) engine.closeAtExit();
}

/**
 * The application handles the signal (Next closes its HTTP server, waits for open responses, then exits), so WebSockets
 * stay open and get every event until `exit`. A pending poll however is an open response, and a WebSocket that Node pipes
 * an open connection; either would hold that server for as long as its client stays. If one does, close gracefully, after
 * a moment in which requests in flight can still emit.
 */
function watchClosingServers(): NodeJS.Timeout {
  let since: number | undefined;
  return setInterval(() => {
    const held = [...registry.engines].filter((engine) => engine.holdsClosingServer);
    since = held.length > 0 ? (since ?? Date.now()) : undefined;
    if (since !== undefined && Date.now() - since >= LAST_WORDS) for (const engine of held) void engine.close();
  }, LOOK).unref();
}
