// Counts of tests that passed and the names of those that failed, a line of JSON for each suite, in a file that CI removes before it begins;
// for CI's last lines. Whoever reads only the end of a long log sees what failed, and why.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { main, root } from "./run.mjs";

const FILE = `${root}/.cache/tally`;
const REASON_LINES = 12;

/** Adds a suite: how many passed, and what failed, each with its name and, where it is known, its reason. Suites may run at once. */
export function addToTally({ suite, passed, failed }) {
  mkdirSync(`${root}/.cache`, { recursive: true });
  appendFileSync(FILE, `${JSON.stringify({ suite, passed, failed })}\n`);
}

function read() {
  if (!existsSync(FILE)) return [];
  return readFileSync(FILE, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function show({ suite, failed }) {
  for (const { name, reason } of failed) {
    console.log(`✗ ${suite}: ${name}`);
    for (const line of (reason ?? "").split("\n").slice(0, REASON_LINES)) if (line) console.log(`    ${line}`);
  }
}

// `node scripts/lib/tally.mjs STEPS`, with the number of CI's own steps that failed.
await main(import.meta.url, () => {
  const suites = read();
  const passed = suites.reduce((sum, suite) => sum + suite.passed, 0);
  const failed = suites.reduce((sum, suite) => sum + suite.failed.length, 0);
  const steps = Number(process.argv[2] ?? 0);
  console.log();
  for (const suite of suites) show(suite);
  // A step may fail without a failed test.
  const total = Math.max(failed, steps);
  console.log(`${passed} passed, ${total} failed`);
  if (total > 0 || passed === 0) process.exitCode = 1;
});
