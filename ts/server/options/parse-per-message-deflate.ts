// The option `perMessageDeflate`, as the native side takes it.

import type { NativeDeflate } from "../../../native.js";
import { boolean, integer, isOff, known, object, size } from "./option-checks.js";

const NAME = "perMessageDeflate";
const NAMES = [
  "threshold",
  "concurrencyLimit",
  "serverNoContextTakeover",
  "clientNoContextTakeover",
  "serverMaxWindowBits",
  "clientMaxWindowBits",
  "zlibDeflateOptions",
  "zlibInflateOptions",
];

/** What the native side is told; undefined without compression. */
export function parsePerMessageDeflate(value: unknown): NativeDeflate | undefined {
  if (isOff(value)) return undefined;
  const given = known(`${NAME}.`, value === true ? {} : object(NAME, value), NAMES);
  const take = <T>(name: string, check: (name: string, value: unknown) => T): T | undefined =>
    given.has(name) ? check(`${NAME}.${name}`, given.get(name)) : undefined;
  take("serverNoContextTakeover", boolean);
  take("zlibInflateOptions", object);
  const native: NativeDeflate = {};
  const set = <K extends keyof NativeDeflate>(key: K, value: NativeDeflate[K] | undefined) => {
    if (value !== undefined) native[key] = value;
  };
  set(
    "threshold",
    take("threshold", (name, value) => size(name, value, 0)),
  );
  set("concurrencyLimit", take("concurrencyLimit", concurrency));
  set(
    "serverMaxWindowBits",
    take("serverMaxWindowBits", (name, value) => integer(name, value, 9, 15)),
  );
  set(
    "clientMaxWindowBits",
    take("clientMaxWindowBits", (name, value) => integer(name, value, 8, 15)),
  );
  set("level", take("zlibDeflateOptions", level));
  if (take("clientNoContextTakeover", boolean) === false) native.clientContext = true;
  return native;
}

/** `ws` takes Infinity and 0 for "no limit". */
function concurrency(name: string, value: unknown): number {
  if (value === Number.POSITIVE_INFINITY || value === 0) return 2 ** 31 - 1;
  return integer(name, value, 1, 2 ** 31 - 1);
}

function level(name: string, value: unknown): number | undefined {
  const { level } = object(name, value);
  if (level === undefined || level === -1) return undefined;
  return integer(`${name}.level`, level, 0, 9);
}
