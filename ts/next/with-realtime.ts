// Wraps next.config so that Next leaves this package, with its native binary, to Node instead of bundling it.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

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

/** Adds what this package needs to a Next configuration, an object or a function; the rest stays as it is. */
export function withRealtime<T extends object | ConfigFunction>(nextConfig: T): T;
export function withRealtime(): object;
export function withRealtime(nextConfig: object | ConfigFunction = {}): object {
  if (typeof nextConfig !== "function") return extend(nextConfig);
  const original = nextConfig as (...args: unknown[]) => object | Promise<object>;
  return (...args: unknown[]) => {
    const config = original(...args);
    return config instanceof Promise ? config.then(extend) : extend(config);
  };
}

function extend(config: Config): Config {
  if (nextMajor() >= 15) {
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

/** The major version of the application's Next; the newest known one if it cannot be found. */
function nextMajor(): number {
  try {
    const path = createRequire(join(process.cwd(), "package.json")).resolve("next/package.json");
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { version: string };
    return Number.parseInt(version, 10);
  } catch {
    return 16;
  }
}
