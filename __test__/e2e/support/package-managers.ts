// npm, pnpm and yarn, each installing in a folder from the registry of the tests. None of them runs install scripts.

import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { installTool } from "./install.js";
import { cache } from "./paths.js";

export type PackageManager = "npm" | "pnpm" | "yarn";

/** How each is started. */
const PROGRAMS: Record<PackageManager, () => string[]> = {
  npm: () => ["npm"],
  pnpm: () => [process.execPath, `${installTool("pnpm@10.34.9")}/bin/pnpm.cjs`],
  yarn: () => [process.execPath, `${installTool("yarn@1.22.22")}/bin/yarn.js`],
};

/** What each is told when it adds packages to a folder. */
const ADD: Record<PackageManager, string[]> = {
  npm: ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--replace-registry-host=never"],
  pnpm: ["add", "--ignore-scripts"],
  yarn: [
    "add",
    "--ignore-scripts",
    "--non-interactive",
    // The same version of our package is another one in each run.
    "--cache-folder",
    ".yarn-cache",
  ],
};

/** Adds packages to a folder. Rejects, with what the package manager said, if it fails. */
export function add(manager: PackageManager, folder: string, registry: string, packages: string[]): Promise<void> {
  return runManager(manager, folder, registry, [...ADD[manager], ...packages]);
}

/** Runs a package manager in a folder. Rejects, with what it said, if it fails. */
export async function runManager(
  manager: PackageManager,
  folder: string,
  registry: string,
  args: string[],
): Promise<void> {
  const [command = "", ...program] = PROGRAMS[manager]();
  mkdirSync(folder, { recursive: true });
  const child = spawn(command, [...program, ...args], {
    cwd: folder,
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      npm_config_registry: registry,
      YARN_REGISTRY: registry,
      npm_config_update_notifier: "false",
      npm_config_store_dir: `${cache}/pnpm-store`,
      // A lock file that is not there yet is no error.
      CI: "",
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${manager} ${args.join(" ")} ended with ${code}:\n${output}`);
}
