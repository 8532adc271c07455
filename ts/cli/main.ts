#!/usr/bin/env node
// The command `nself-realtime`: Next, with the real-time server on its port.

import { runNext } from "./run-next.js";

const HELP = `Usage: nself-realtime <dev|start> [options of next]

Runs the application's own \`next dev\` or \`next start\` with the real-time server
on the same port, without a custom server. All further arguments go to Next.

  nself-realtime dev --port 3021
  nself-realtime start -p 3021

The server starts with its defaults; call register(options) in instrumentation.ts
to give it options, such as authenticate.`;

const [command, ...args] = process.argv.slice(2);
if (command === "--help" || command === "-h" || command === "help") {
  console.log(HELP);
} else if (command === "dev" || command === "start") {
  runNext(command, args);
} else {
  console.error(
    command === undefined ? "nself-realtime: a command is missing" : `nself-realtime: unknown command "${command}"`,
  );
  console.error(`\n${HELP}`);
  process.exitCode = 2;
}
