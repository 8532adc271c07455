// `nself-realtime doctor`: looks at an installation, or at a server that runs, and says what is wrong with it and what
// mends it.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { readArguments, UsageError } from "../arguments.js";
import { checkBinary } from "./binary.js";
import type { Check } from "./check.js";
import { checkConfig, checkStart } from "./configuration.js";
import { checkCopies } from "./copies.js";
import { checkTakeover } from "./takeover.js";
import { checkUrl } from "./url/index.js";
import { checkNode, checkPeers, ownManifest } from "./versions.js";

const MARKS = { ok: "✓", note: "•", problem: "✗" } as const;
const OPTIONS = {
  json: { type: "boolean" },
  url: { type: "string" },
  path: { type: "string" },
  idle: { type: "boolean" },
} as const;

/** Prints the checks; true if there is no problem. */
export async function doctor(args: string[]): Promise<boolean | "help"> {
  const { values, words } = readArguments(args, OPTIONS, 1);
  if (values.help) return "help";
  const { url, path, idle, json = false } = values;
  if (url === undefined) {
    const [alone] = Object.entries({ path, idle }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (alone) throw new UsageError(`--${alone} goes with --url`);
    const folder = resolve(words[0] ?? ".");
    if (!existsSync(join(folder, "package.json"))) {
      console.error(`nself-realtime: ${folder} has no package.json: run this in the application's folder.`);
      return false;
    }
    return report({ folder }, [...examine(folder), ...(await checkTakeover())], json);
  }
  if (words.length > 0) throw new UsageError("a folder and --url are two things: ask for one at a time");
  return report({ url }, await checkUrl(url, { path: path ?? "/api/ws", idle: idle ?? false }), json);
}

function report(what: object, checks: Check[], json: boolean): boolean {
  const problems = checks.filter(({ status }) => status === "problem").length;
  if (json) {
    console.log(JSON.stringify({ ok: problems === 0, ...what, checks }, null, 2));
  } else {
    for (const { name, status, found, mend } of checks) {
      console.log(`${MARKS[status]} ${name}: ${found}`);
      if (mend) console.log(`    → ${mend}`);
    }
    console.log(problems === 0 ? "\nNo problem found." : `\nProblems found: ${problems}`);
  }
  return problems === 0;
}

function examine(folder: string): Check[] {
  const manifest = ownManifest();
  const peers = checkPeers(folder, manifest);
  const usesNext = peers.some(({ name, found }) => name === "next" && !found.startsWith("not installed"));
  return [
    checkNode(manifest),
    ...peers,
    checkBinary(),
    ...(usesNext ? [checkConfig(folder), checkStart(folder)] : []),
    checkCopies(folder),
  ];
}
