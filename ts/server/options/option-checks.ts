// Small checks of option values. Each names the option in its error.

import { didYouMean } from "../process/closest.js";
import { RealtimeError } from "../process/errors.js";

/** The longest time of a timer, in ms. */
const MAX_TIME = 2 ** 31 - 1;
const MAX_SIZE = 2 ** 32 - 1;

export function invalid(name: string, expected: string): never {
  throw new RealtimeError("ERR_INVALID_OPTION", `option "${name}" must be ${expected}`);
}

export function refused(name: string, why: string): never {
  throw new RealtimeError("ERR_UNSUPPORTED_OPTION", `option "${name}" is not supported: ${why}`);
}

export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    invalid(name, `an integer from ${min} to ${max}`);
  }
  return value;
}

/** A time in ms, as a timer takes it: rounded, to `min` at least. */
export function time(name: string, value: unknown, min = 1): number {
  if (typeof value !== "number" || !(value >= min && value <= MAX_TIME)) {
    invalid(name, `a number of ms from ${min} to ${MAX_TIME}`);
  }
  return Math.round(value);
}

/** A size in bytes; what is more than the native side can count, Infinity too, is as much as it can. */
export function size(name: string, value: unknown, min = 1): number {
  if (typeof value !== "number" || !(value >= min)) invalid(name, `a number of bytes from ${min} on`);
  return Math.min(Math.round(value), MAX_SIZE);
}

/** What Socket.IO takes for "without it". */
export function isOff(value: unknown): value is false | null | undefined {
  return value === false || value === null || value === undefined;
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value !== "boolean") invalid(name, "true or false");
  return value;
}

export function text(name: string, value: unknown): string {
  if (typeof value !== "string" || value === "") invalid(name, "a string that is not empty");
  return value;
}

/** A value that goes into a header: no control characters, no separators of attributes. */
export function headerText(name: string, value: unknown): string {
  const string = text(name, value);
  if (!/^[\x20-\x3a\x3c-\x7e]+$/.test(string)) invalid(name, "printable ASCII without a semicolon");
  return string;
}

export function oneOf<T>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  return found ?? invalid(name, choices.join(", "));
}

export function func<T>(name: string, value: unknown): T {
  if (typeof value !== "function") invalid(name, "a function");
  return value as T;
}

export function object(name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) invalid(name, "an object");
  return value as Record<string, unknown>;
}

/** The entries that are given; an unknown name is refused. */
export function known(
  prefix: string,
  value: Record<string, unknown>,
  names: ReadonlyArray<string>,
): Map<string, unknown> {
  const given = new Map<string, unknown>();
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    if (!names.includes(name)) refused(`${prefix}${name}`, `there is no such option here${didYouMean(name, names)}`);
    given.set(name, item);
  }
  return given;
}
