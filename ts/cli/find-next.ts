// Where an application's Next is, and what starts it.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** The folder that Next's arguments name, which is the current one unless one of them is a folder. */
export function applicationFolder(args: string[]): string {
  return resolve(args.find((arg) => isFolder(arg)) ?? ".");
}

function isFolder(arg: string): boolean {
  return !arg.startsWith("-") && existsSync(join(arg, "package.json"));
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

/** Options of `next start`, and the environment variable that the standalone server reads instead. */
const VARIABLES = { port: "PORT", hostname: "HOSTNAME", keepAliveTimeout: "KEEP_ALIVE_TIMEOUT" } as const;

/**
 * Arguments for `next start`, as the standalone server takes them: environment variables for what it knows. All others are passed on to
 * it, except the folder.
 */
export function standaloneArguments(args: string[]): { env: Record<string, string>; rest: string[] } {
  const options = {
    port: { type: "string", short: "p" },
    hostname: { type: "string", short: "H" },
    keepAliveTimeout: { type: "string" },
  } as const;
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const env: Record<string, string> = {};
  const taken = new Set<number>();
  let folder = false;
  for (const token of tokens) {
    if (token.kind === "option" && token.name in VARIABLES && token.value !== undefined) {
      env[VARIABLES[token.name as keyof typeof VARIABLES]] = token.value;
      taken.add(token.index);
      if (!token.inlineValue) taken.add(token.index + 1);
    } else if (token.kind === "positional" && !folder && isFolder(token.value)) {
      folder = true;
      taken.add(token.index);
    }
  }
  return { env, rest: args.filter((_, index) => !taken.has(index)) };
}
