// npm, pnpm and yarn, each installing in a folder from the registry of the tests. None of them runs install scripts.

import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { installTool } from "./install.js";
import { cache } from "./paths.js";

export type PackageManager = "npm" | "pnpm" | "yarn";

/** How each adds packages to a folder. */
const COMMANDS: Record<PackageManager, () => string[]> = {
  npm: () => ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--replace-registry-host=never"],
  pnpm: () => [
    process.execPath,
    `${installTool("pnpm@10.34.9")}/bin/pnpm.cjs`,
    "add",
    "--ignore-scripts",
    "--store-dir",
    `${cache}/pnpm-store`,
  ],
  yarn: () => [
    process.execPath,
    `${installTool("yarn@1.22.22")}/bin/yarn.js`,
    "add",
    "--ignore-scripts",
    "--non-interactive",
    // The same version of our package is another one in each run.
    "--cache-folder",
    ".yarn-cache",
  ],
};

/** Adds packages to a folder. Rejects, with what the package manager said, if it fails. */
export async function add(
  manager: PackageManager,
  folder: string,
  registry: string,
  packages: string[],
): Promise<void> {
  const [command = "", ...args] = COMMANDS[manager]();
  mkdirSync(folder, { recursive: true });
  const child = spawn(command, [...args, ...packages], {
    cwd: folder,
    shell: process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      npm_config_registry: registry,
      YARN_REGISTRY: registry,
      npm_config_update_notifier: "false",
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${manager} add ${packages.join(" ")} ended with ${code}:\n${output}`);
}
