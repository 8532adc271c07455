// Loads the native binary at the first use, and sees to it that one process has one of it.

import { existsSync } from "node:fs";
import type * as NativeModule from "../../../native.js";
import { RealtimeError, toRealtimeError } from "./errors.js";
import { loadNative, nativePath, packageVersion } from "./load-native.cjs";
import { warnOnce } from "./registry.js";

/** The functions of the native binary; their errors are RealtimeErrors. */
export type Native = typeof NativeModule;

interface Loaded {
  native: Native;
  version: string;
  path: string;
}

const KEY = Symbol.for("nself-realtime.binding");
const shared = globalThis as { [KEY]?: Loaded };
let native: Native | undefined;

/** A path in this package. */
export const packagePath = (): string => nativePath();

/**
 * The native binary. Throws ERR_NATIVE_MISSING, ERR_NATIVE_MISMATCH, or ERR_DUPLICATE when another version of this
 * package was loaded first.
 */
export function binding(): Native {
  native ??= find();
  return native;
}

function find(): Native {
  const version = packageVersion();
  const other = shared[KEY];
  if (!other) {
    const loaded = load(version);
    shared[KEY] = loaded;
    return loaded.native;
  }
  const path = nativePath();
  if (other.version !== version) {
    throw new RealtimeError(
      "ERR_DUPLICATE",
      `two versions of nself-realtime are loaded in this process: ${other.version} (${other.path}) and ${version} (${path}). Install one.`,
    );
  }
  if (other.path !== path) {
    warnOnce(
      "NSELF_DUPLICATE",
      `two copies of this package are loaded in one process: ${other.path} and ${path}. The first is used for both; remove one.`,
    );
  }
  return other.native;
}

function load(version: string): Loaded {
  let raw: Native;
  try {
    raw = loadNative() as Native;
  } catch (cause) {
    if (isBundled()) throw new RealtimeError("ERR_BUNDLED", BUNDLED, { cause });
    throw new RealtimeError("ERR_NATIVE_MISSING", missingMessage(version, cause), { cause });
  }
  const found = raw.version();
  if (found !== version) {
    throw new RealtimeError(
      "ERR_NATIVE_MISMATCH",
      `the native binary is version ${found}, the package is ${version}: reinstall so that ${platformPackage()}@${version} is used`,
    );
  }
  return { native: withCodes(raw), version, path: nativePath() };
}

/** Native errors cross with their code only; give them our class. */
function withCodes(raw: Native): Native {
  const wrapped: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) {
    wrapped[name] =
      typeof value !== "function"
        ? value
        : (...args: unknown[]) => {
            try {
              return (value as (...args: unknown[]) => unknown)(...args);
            } catch (error) {
              throw toRealtimeError(error);
            }
          };
  }
  return wrapped as unknown as Native;
}

const BUNDLED =
  "Next took nself-realtime into a bundle, where its native binary cannot be loaded. Wrap the configuration in next.config: " +
  'import { withRealtime } from "nself-realtime/next"; export default withRealtime(nextConfig); or let "npx nself-realtime init" do it. ' +
  "Then start Next again.";

/** Whether this code runs out of a bundle: there the loader has a name of the bundler's, and is no file. */
function isBundled(): boolean {
  try {
    return !existsSync(nativePath());
  } catch {
    return true;
  }
}

function missingMessage(version: string, cause: unknown): string {
  const name = platformPackage();
  return (
    `no native binary for ${process.platform}-${process.arch} could be loaded. Install ${name}@${version}: it is an optional ` +
    "dependency of nself-realtime, so check that the install did not run with --no-optional or --omit=optional, and not on " +
    `another platform than this one (a copied node_modules, a lock file without this platform). Cause: ${String(cause)}`
  );
}

function platformPackage(): string {
  const base = `nself-realtime-${process.platform}-${process.arch}`;
  if (process.platform === "linux") return `${base}-${isMusl() ? "musl" : "gnu"}`;
  return process.platform === "win32" ? `${base}-msvc` : base;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report !== undefined && report.header?.glibcVersionRuntime === undefined;
}
