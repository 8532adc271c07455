// Runs the application's Next in a child process that loads the real-time server first.

import { spawn } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `next <command> <args>`; this process then ends as the child does. */
export function runNext(command: string, args: string[]): void {
  const next = findNext(args);
  if (!next) {
    console.error("nself-realtime: cannot find next here. Run this in the application's folder, with next installed.");
    process.exitCode = 1;
    return;
  }
  const child = spawn(process.execPath, [...process.execArgv, next, command, ...args], {
    stdio: "inherit",
    env: { ...process.env, NODE_OPTIONS: nodeOptions() },
  });

  const forward = (signal: NodeJS.Signals) => {
    // Ctrl-C in a terminal reaches the child by itself.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  child.on("error", (error) => {
    console.error(`nself-realtime: next could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    for (const name of SIGNALS) process.off(name, forward);
    if (!signal) process.exit(code ?? 1);
    // End by the same signal; where that does nothing, by the exit code that a shell would show.
    process.kill(process.pid, signal);
    process.exitCode = 128 + constants.signals[signal];
  });
}

/** With `=`: Next takes NODE_OPTIONS apart and puts them together again for the process that serves. */
function nodeOptions(): string {
  const main = realpathSync(process.argv[1] ?? "");
  const register = pathToFileURL(join(dirname(main), "../server/register-now.js"));
  return [process.env.NODE_OPTIONS, `--import=${register.href}`].filter(Boolean).join(" ");
}

/** Next's command, of the current folder or of the folder given as an argument. */
function findNext(args: string[]): string | undefined {
  for (const folder of [".", ...args.filter((arg) => !arg.startsWith("-"))]) {
    try {
      const path = createRequire(join(resolve(folder), "package.json")).resolve("next/package.json");
      const { bin } = JSON.parse(readFileSync(path, "utf8")) as { bin: string | { next: string } };
      return join(dirname(path), typeof bin === "string" ? bin : bin.next);
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
