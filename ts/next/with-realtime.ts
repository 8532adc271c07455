// Wraps next.config so that Next leaves this package, with its native binary, to Node instead of bundling it.

import { keepEarly } from "../server/gate/early.js";
import { nextMajor } from "./find-next.js";

/**
 * The folders of this package that Next leaves to Node. Not the whole package: hooks that Node loads get another React than
 * the one that Next renders with, and fail with "Cannot read properties of null". Next compares these with paths below
 * node_modules.
 */
const EXTERNAL = ["esm", "cjs"].flatMap((format) =>
  ["server", "next"].map((part) => `nself-realtime/dist/${format}/${part}`),
);

type ConfigFunction = (...args: never[]) => object | Promise<object>;
/** The parts of Next's configuration that matter here. */
interface Config {
  serverExternalPackages?: string[];
  experimental?: { serverComponentsExternalPackages?: string[]; instrumentationHook?: boolean };
}

/** Adds what this package needs to a Next configuration, an object, a function or a promise; the rest stays as it is. */
export function withRealtime<T extends object | ConfigFunction>(nextConfig: T): T;
export function withRealtime(): object;
export function withRealtime(nextConfig: object | ConfigFunction = {}): object {
  keepEarly();
  if (typeof nextConfig !== "function") return whenThere(nextConfig);
  const original = nextConfig as (...args: unknown[]) => object | Promise<object>;
  return (...args: unknown[]) => whenThere(original(...args));
}

function whenThere(config: object | Promise<object>): object {
  return config instanceof Promise ? config.then(extend) : extend(config);
}

function extend(config: Config): Config {
  // The newest that is known, where it cannot be found.
  if ((nextMajor() ?? 16) >= 15) {
    return { ...config, serverExternalPackages: withPackage(config.serverExternalPackages) };
  }
  const { experimental } = config;
  return {
    ...config,
    experimental: {
      ...experimental,
      instrumentationHook: experimental?.instrumentationHook ?? true,
      serverComponentsExternalPackages: withPackage(experimental?.serverComponentsExternalPackages),
    },
  };
}

function withPackage(packages: string[] = []): string[] {
  return [...new Set([...packages, ...EXTERNAL])];
}
