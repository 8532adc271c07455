#!/usr/bin/env node
// The command `nself-realtime`: Next with the real-time server on its port, and a look at an installation.

import { doctor } from "./doctor/index.js";
import { runNext } from "./run-next.js";

const HELP = `Usage: nself-realtime <dev|start> [options of next]
       nself-realtime doctor [folder] [--json]

dev, start   run the application's own \`next dev\` or \`next start\` with the
             real-time server on the same port, without a custom server. All
             further arguments go to Next. A folder with Next's standalone
             server is started by that server.
doctor       looks at versions, the native binary, next.config, what starts
             the server, and copies of the package; says what to mend.
             Exits with 1 if there is a problem.

  nself-realtime dev --port 3021
  nself-realtime start -p 3021
  nself-realtime start .next/standalone -p 3021

The server starts with its defaults; call register(options) in instrumentation.ts
to give it options, such as authenticate.`;

const [command, ...args] = process.argv.slice(2);
if (command === "--help" || command === "-h" || command === "help") {
  console.log(HELP);
} else if (command === "dev" || command === "start") {
  runNext(command, args);
} else if (command === "doctor") {
  void doctor(args).then((isWell) => {
    if (!isWell) process.exitCode = 1;
  });
} else {
  console.error(
    command === undefined ? "nself-realtime: a command is missing" : `nself-realtime: unknown command "${command}"`,
  );
  console.error(`\n${HELP}`);
  process.exitCode = 2;
}
