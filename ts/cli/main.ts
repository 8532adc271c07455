#!/usr/bin/env node
// The command `nself-realtime`: sets an application up, runs Next with the real-time server on its port, and looks at an
// installation.

import { didYouMean } from "../server/process/closest.js";
import { packageVersion } from "../server/process/load-native.cjs";
import { readArguments, UsageError } from "./arguments.js";
import { doctor } from "./doctor/index.js";
import { init } from "./init/index.js";
import { runNext } from "./run-next.js";

const HELP = `Usage: nself-realtime init [folder]
       nself-realtime <dev|start> [options of next]
       nself-realtime doctor [folder] [--json]
       nself-realtime doctor --url <url> [--path /api/ws] [--idle] [--json]

init         sets a Next application up: writes instrumentation.ts where Next
             looks for it and wraps next.config. May be run again.
dev, start   run the application's own \`next dev\` or \`next start\` with the
             real-time server on the same port, without a custom server. All
             further arguments go to Next. A folder with Next's standalone
             server is started by that server.
doctor       looks at versions, the native binary, next.config, what starts
             the server, and copies of the package; says what to mend.
             Exits with 1 if there is a problem.
doctor --url connects to a running server as a browser does: by long-polling,
             by WebSocket, and from one to the other; says what a proxy in
             between breaks. --idle also waits for a ping on a quiet connection.

  -h, --help     shows this
  -v, --version  shows the version

  npx nself-realtime init
  npx nself-realtime dev --port 3021
  npx nself-realtime start .next/standalone -p 3021
  npx nself-realtime doctor --url https://app.example

The server starts with its defaults; call register(options) in instrumentation.ts
to give it options, such as authenticate.`;

async function main(command: string | undefined, args: string[]): Promise<void> {
  switch (command) {
    case "dev":
    case "start":
      return runNext(command, args);
    case "init":
    case "doctor": {
      const run = { init, doctor }[command];
      const good = await run(args);
      if (good === "help") console.log(HELP);
      else if (!good) process.exitCode = 1;
      return;
    }
    case "help":
      return console.log(HELP);
    case undefined:
      throw new UsageError("a command is missing");
    default:
      if (!command.startsWith("-")) {
        const guess = didYouMean(command, ["dev", "start", "init", "doctor", "help"]);
        throw new UsageError(`there is no command "${command}"${guess}`);
      }
  }
  const { values } = readArguments([command, ...args], { version: { type: "boolean", short: "v" } }, 0);
  console.log(values.version ? packageVersion() : HELP);
}

const [command, ...args] = process.argv.slice(2);
try {
  await main(command, args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`nself-realtime: ${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}
