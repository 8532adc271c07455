// Where an application's Next is, and what starts it.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

/** The folder that Next's arguments name, which is the current one unless one of them is a folder. */
export function applicationFolder(args: string[]): string {
  return resolve(args.find((arg) => !arg.startsWith("-") && existsSync(join(arg, "package.json"))) ?? ".");
}

/** The file that is Next's command in an application's folder; undefined if Next is not installed. */
export function nextCommand(folder: string): string | undefined {
  try {
    const path = createRequire(join(folder, "package.json")).resolve("next/package.json");
    const { bin } = JSON.parse(readFileSync(path, "utf8")) as { bin: string | { next: string } };
    return join(dirname(path), typeof bin === "string" ? bin : bin.next);
  } catch {
    return undefined;
  }
}

/** The server that Next generates with `output: "standalone"`, if that is what the folder holds. */
export function standaloneServer(folder: string): string | undefined {
  const server = join(folder, "server.js");
  if (!existsSync(server) || !existsSync(join(folder, ".next/required-server-files.json"))) return undefined;
  return readFileSync(server, "utf8").includes("__NEXT_PRIVATE_STANDALONE_CONFIG") ? server : undefined;
}

/** Whether the build in a folder has the application's instrumentation.ts. */
export function hasInstrumentation(folder: string): boolean {
  return existsSync(join(folder, ".next/server/instrumentation.js"));
}

/** Next's options for the address, as the environment variables that its standalone server reads. */
export function addressVariables(args: string[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [index, arg] of args.entries()) {
    const [name = "", given] = arg.split("=", 2);
    const value = given ?? args[index + 1];
    if (value === undefined) continue;
    if (name === "-p" || name === "--port") variables.PORT = value;
    if (name === "-H" || name === "--hostname") variables.HOSTNAME = value;
  }
  return variables;
}
