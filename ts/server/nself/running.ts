// The process's one real-time server, while it runs in this thread.

import type { EventEmitter } from "node:events";
import type { Engine } from "../engine/engine.js";
import { binding } from "../process/binding.js";
import { RealtimeError } from "../process/errors.js";
import { registry } from "../process/registry.js";
import type { Server } from "../socketio/server.js";

declare module "../process/registry.js" {
  interface Registry {
    /** The process's real-time server, while it runs in this thread. */
    running?: Running | undefined;
  }
}

/** The open real-time server. @internal */
export interface Running {
  io: Server;
  engine: Engine;
  /** What it shares the port of: one HTTP server, or all of this process; or it has its own port. */
  where: EventEmitter | "every server" | "a port";
  /** Opened by `--import nself-realtime/register` with defaults: whoever comes with options replaces it. */
  provisional: boolean;
  port?: number;
}

/** The real-time server that this thread opened, until it begins to close. @internal */
export function running(): Running | undefined {
  return registry.running?.engine.closing ? undefined : registry.running;
}

/** @internal */
export const NOT_RUNNING =
  "no real-time server runs: first call register() in instrumentation.ts, attach(httpServer) in a custom server, or await listen({ port })";

/** The native number of the process's real-time server. Throws ERR_NOT_RUNNING. @internal */
export function serverId(): number {
  const id = running()?.engine.id ?? binding().nselfServer();
  if (id === null) throw new RealtimeError("ERR_NOT_RUNNING", NOT_RUNNING);
  return id;
}
