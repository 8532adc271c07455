// The version of Next that reads a configuration.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The major version of the application's Next: of the one that runs in this process, or else of the one that the
 * application has; undefined where there is none. The current folder alone would not tell: in a monorepo `next build
 * apps/web` runs from the root, which may have no Next, or another.
 */
export function nextMajor(): number | undefined {
  const version = runningVersion() ?? installedVersion();
  return version === undefined ? undefined : Number.parseInt(version, 10);
}

const here = createRequire(join(process.cwd(), "package.json"));

/** Next's files have been loaded by `require`, before it reads next.config. */
function runningVersion(): string | undefined {
  for (const file of Object.keys(here.cache)) {
    const [, folder] = /^(.*[\\/]next)[\\/]dist[\\/]/.exec(file) ?? [];
    const version = folder && versionIn(join(folder, "package.json"));
    if (version) return version;
  }
  return undefined;
}

/** As the program that was started finds it (such as a custom server), or the current folder, or a folder above them. */
function installedVersion(): string | undefined {
  const paths = [process.argv[1] && dirname(process.argv[1]), process.cwd()].filter((path) => path !== undefined);
  try {
    return versionIn(here.resolve("next/package.json", { paths: paths as string[] }));
  } catch {
    return undefined;
  }
}

function versionIn(file: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as { name: string; version: string };
    return name === "next" ? version : undefined;
  } catch {
    return undefined;
  }
}
