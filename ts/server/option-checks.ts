// Small checks of option values. Each names the option in its error.

import { didYouMean } from "./closest.js";
import { RealtimeError } from "./errors.js";

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
