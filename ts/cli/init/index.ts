// `nself-realtime init`: sets a Next application up, and says what it did. What is done already it leaves alone.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import {
  configFile,
  conventionFolder,
  customServer,
  instrumentation,
  misplacedMessage,
  reaches,
} from "../application.js";
import { readArguments } from "../arguments.js";
import { nextCommand } from "../find-next.js";
import { readSource } from "../source.js";
import { NEW_CONFIG, wrapConfig } from "./config.js";
import { addRegister, NEW_INSTRUMENTATION } from "./instrumentation.js";

interface Step {
  /** Whether nothing is left to do by hand. */
  good: boolean;
  said: string;
}

const done = (said: string): Step => ({ good: true, said });
const byHand = (said: string): Step => ({ good: false, said });

/** Sets up the application of a folder (the argument, or the current one); true if nothing is left to do by hand. */
export async function init(args: string[]): Promise<boolean | "help"> {
  const { values, words } = readArguments(args, {}, 1);
  if (values.help) return "help";
  const folder = resolve(words[0] ?? ".");
  if (!existsSync(join(folder, "package.json")) || !nextCommand(folder)) {
    console.error(
      `nself-realtime: there is no Next application in ${folder}: run this in its folder, with next installed.`,
    );
    return false;
  }
  const steps = [setUp(() => setUpConfig(folder)), setUp(() => setUpInstrumentation(folder))];
  for (const { good, said } of steps) console.log(`${good ? "✓" : "✗"} ${said}`);
  const good = steps.every((step) => step.good);
  if (good) console.log(`\n${next(folder)}`);
  return good;
}

/** A file that cannot be parsed is left alone. */
function setUp(step: () => Step): Step {
  try {
    return step();
  } catch (error) {
    if (error instanceof SyntaxError) return byHand(`${error.message}; nothing was changed in it`);
    throw error;
  }
}

function write(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function setUpConfig(folder: string): Step {
  const file = configFile(folder);
  const source = file && readSource(join(folder, file));
  if (!source) {
    write(folder, "next.config.mjs", NEW_CONFIG);
    return done("next.config.mjs: written, with withRealtime");
  }
  const text = wrapConfig(source);
  if (text === undefined) {
    return byHand(
      `${file}: its export was not found. Write: export default withRealtime(nextConfig), from "nself-realtime/next"`,
    );
  }
  if (text === source.text) return done(`${file}: has withRealtime already`);
  write(folder, file, text);
  return done(`${file}: its export is wrapped in withRealtime, which keeps its settings`);
}

function setUpInstrumentation(folder: string): Step {
  const { used, misplaced } = instrumentation(folder);
  if (misplaced) return byHand(`${misplacedMessage(folder, misplaced)}, then run this again`);
  if (!used) {
    const server = customServer(folder);
    if (server && reaches(folder, server, "nself-realtime")) return done(`${server}: starts the server already`);
    const end = existsSync(join(folder, "tsconfig.json")) ? "ts" : "js";
    const file = `${conventionFolder(folder)}instrumentation.${end}`;
    write(folder, file, NEW_INSTRUMENTATION);
    return done(`${file}: written; Next starts the server by it`);
  }
  if (reaches(folder, used, "nself-realtime")) return done(`${used}: starts the server already`);
  const source = readSource(join(folder, used));
  const text = source && addRegister(source);
  if (text === undefined) {
    return byHand(`${used}: its register() is not a function in this file. Call register() of "nself-realtime" in it`);
  }
  write(folder, used, text);
  return done(`${used}: starts the server as well`);
}

/** What comes after. */
function next(folder: string): string {
  const manifest = join(folder, "package.json");
  const lines = [
    "Start Next as before: Socket.IO clients connect at /api/ws. Emit in a route by emitServiceStatus() and its like.",
  ];
  try {
    createRequire(manifest).resolve("socket.io-client/package.json");
  } catch {
    lines.unshift("For the browser install socket.io-client, too.");
  }
  return lines.join("\n");
}
