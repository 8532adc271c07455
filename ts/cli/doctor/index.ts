// `nself-realtime doctor`: looks at an installation, and says what is wrong with it and what mends it.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkBinary } from "./binary.js";
import type { Check } from "./check.js";
import { checkConfig, checkStart } from "./configuration.js";
import { checkCopies } from "./copies.js";
import { checkTakeover } from "./takeover.js";
import { checkNode, checkPeers, ownManifest } from "./versions.js";

const MARKS = { ok: "✓", note: "•", problem: "✗" } as const;

/** Prints the checks of the application in a folder (the argument, or the current one); true if there is no problem. */
export async function doctor(args: string[]): Promise<boolean> {
  const folder = resolve(args.find((arg) => !arg.startsWith("-")) ?? ".");
  if (!existsSync(join(folder, "package.json"))) {
    console.error(`nself-realtime: ${folder} has no package.json: run this in the application's folder.`);
    return false;
  }
  const checks = [...examine(folder), ...(await checkTakeover())];
  const problems = checks.filter(({ status }) => status === "problem").length;
  if (args.includes("--json")) {
    console.log(JSON.stringify({ ok: problems === 0, folder, checks }, null, 2));
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
