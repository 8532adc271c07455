// Emits one event of the real-time layer from wherever the code runs: any copy of this package, any thread.

import { binding } from "./binding.js";
import { RealtimeError } from "./errors.js";
import { registry, warnOnce } from "./registry.js";
import { checkEvent } from "./schemas.js";
import { RESERVED_EVENTS } from "./socket-types.js";

/** Whether this is `next build`, which loads the application's modules without serving anybody. */
export function building(): boolean {
  return process.env.NEXT_PHASE === "phase-production-build";
}

/** Where an event goes: everybody if both are absent. */
export interface Target {
  room?: string | undefined;
  socketId?: string | undefined;
}

/**
 * True when the event was accepted for delivery; false, with one warning, when no server runs in this process. Throws
 * ERR_INVALID_EVENT or ERR_INVALID_ROOM.
 */
export function emitEvent(type: string, data: unknown, target: Target, batch: boolean | null): boolean {
  // Not asked for each emit of a running server: the environment is slow to read.
  if (!registry.running && building()) return false;
  if (typeof type !== "string" || type === "") invalid(String(type), "the name of an event must be a string");
  if (RESERVED_EVENTS.has(type)) invalid(type, "this is a reserved event name");
  if (target.room !== undefined && typeof target.room !== "string") badRoom("room", type);
  if (target.socketId !== undefined && typeof target.socketId !== "string") badRoom("socketId", type);
  const schema = registry.running?.engine.options.schemas?.get(type);
  if (schema) checkEvent(type, schema, [data], false);
  const json = toJson(type, data);
  const accepted = binding().emitEvent(type, json, target.room ?? null, target.socketId ?? null, batch);
  if (!accepted) {
    warnOnce(
      "NSELF_NOT_RUNNING",
      `"${type}" was emitted, but no real-time server runs in this process, so nobody got it. Call register() in ` +
        "instrumentation.ts or attach(httpServer) in a custom server. This is said once.",
    );
  }
  return accepted;
}

function toJson(type: string, data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    invalid(type, `the data cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return json ?? invalid(type, `the data is ${typeof data}, which JSON cannot hold`);
}

function badRoom(what: string, type: string): never {
  throw new RealtimeError("ERR_INVALID_ROOM", `${what} of "${type}" must be a string`);
}

function invalid(type: string, why: string): never {
  throw new RealtimeError("ERR_INVALID_EVENT", `"${type}": ${why}`);
}
