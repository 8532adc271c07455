// Emits one event of the real-time layer from wherever the code runs: any copy of this package, any thread.

import { RESERVED_EVENTS } from "../options/handshake.js";
import { checkEvent } from "../options/schemas.js";
import { show } from "../process/arguments.js";
import { binding } from "../process/binding.js";
import { building } from "../process/building.js";
import { RealtimeError } from "../process/errors.js";
import { registry, warnOnce } from "../process/registry.js";

/** Where an event goes: to one of these, or to everybody if none is given. */
export interface Target {
  /** Rooms that are checked by `someRooms`. */
  rooms?: string | string[];
  socketId?: string;
  userId?: string;
}

/**
 * True when the event was accepted for delivery; false, with one warning, when no server runs in this process. Throws
 * ERR_INVALID_EVENT or ERR_INVALID_ROOM.
 */
export function emitEnvelope(type: string, data: unknown, target: Target, batch: boolean | null): boolean {
  // Not asked for each emit of a running server: the environment is slow to read.
  if (!registry.running && building()) return false;
  if (typeof type !== "string" || type === "") invalid(show(type), "the name of an event must be a string");
  if (RESERVED_EVENTS.has(type)) invalid(type, "this is a reserved event name");
  const schema = registry.running?.engine.options.schemas?.get(type);
  if (schema) checkEvent(type, schema, [data], false);
  const json = toJson(type, data);
  const accepted = binding().emitEvent(type, json, target.rooms, target.socketId, target.userId, batch);
  // A producer that goes on while its server closes, or a moment longer, has made no mistake.
  if (!accepted && !registry.running && !registry.ended) {
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

function invalid(type: string, why: string): never {
  throw new RealtimeError("ERR_INVALID_EVENT", `"${type}": ${why}`);
}
