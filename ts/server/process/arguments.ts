// Checks of what applications pass to methods. Each error names the argument: what goes to the wrong place by a mistake, as an
// undefined room would, must not go to everybody.

import { RealtimeError } from "./errors.js";

/** A name, of a user or a session for example. Throws ERR_INVALID_ARGUMENT. */
export function name(argument: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new RealtimeError("ERR_INVALID_ARGUMENT", `${argument} must be a string that is not empty, not ${show(value)}`);
}

/** One room, or a list of at least one; a list of one is that room. Throws ERR_INVALID_ROOM. */
export function someRooms(argument: string, value: unknown): string | string[] {
  if (typeof value === "string") return value;
  if (!Array.isArray(value) || value.length === 0 || !value.every((room) => typeof room === "string")) {
    throw new RealtimeError(
      "ERR_INVALID_ROOM",
      `${argument} must be a string or a list of strings that is not empty, not ${show(value)}: only without it everybody is meant`,
    );
  }
  return value.length === 1 ? (value[0] as string) : value;
}

/** One room. Throws ERR_INVALID_ROOM. */
export function oneRoom(argument: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new RealtimeError("ERR_INVALID_ROOM", `${argument} must be a string that is not empty, not ${show(value)}`);
}

/** What a value is, in few words; no text of an application's. */
export function show(value: unknown): string {
  if (value === "") return "an empty string";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value === null || value === undefined || typeof value === "number") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
