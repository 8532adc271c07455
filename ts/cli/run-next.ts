// Runs the application's Next in a child process that loads the real-time server first.

import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { instrumentation, misplacedMessage } from "./application.js";
import {
  applicationFolder,
  hasInstrumentation,
  nextCommand,
  standaloneArguments,
  standaloneServer,
} from "./find-next.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs `next <command> <args>`, or for `start` a standalone server; this process then ends as the child does. */
export function runNext(command: string, args: string[]): void {
  const folder = applicationFolder(args);
  const standalone = command === "start" ? standaloneServer(folder) : undefined;
  if (standalone && !hasInstrumentation(folder)) {
    fail(
      "this standalone build has no instrumentation.ts, and without it nothing of nself-realtime's server is in it.",
    );
    return;
  }
  const next = standalone ?? nextCommand(folder);
  if (!next) {
    fail("cannot find next here. Run this in the application's folder, with next installed.");
    return;
  }
  const { misplaced } = standalone ? {} : instrumentation(folder);
  if (misplaced) console.warn(`nself-realtime: ${misplacedMessage(folder, misplaced)}.`);
  const { env = {}, rest } = standalone ? standaloneArguments(args) : { rest: [command, ...args] };
  const child = spawn(process.execPath, [...process.execArgv, next, ...rest], {
    stdio: "inherit",
    env: {
      ...process.env,
      ...env,
      // The standalone server has its own copy of this package, which instrumentation.ts starts.
      NODE_OPTIONS: nodeOptions(standalone ? "announce.js" : "preload.js"),
    },
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

function fail(message: string): void {
  console.error(`nself-realtime: ${message}`);
  process.exitCode = 1;
}

/** With `=`: Next takes NODE_OPTIONS apart and puts them together again for the process that serves. */
function nodeOptions(name: string): string {
  const main = realpathSync(process.argv[1] ?? "");
  const file = pathToFileURL(join(dirname(main), name));
  return [process.env.NODE_OPTIONS, `--import=${file.href}`].filter(Boolean).join(" ");
}
