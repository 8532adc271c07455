// Counts of tests that passed and failed, a line for each suite, in a file that CI removes before it begins; for CI's last line.

import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { main, root } from "./run.mjs";

const FILE = `${root}/.cache/tally`;

/** Adds the counts of a suite. Suites may run at once. */
export function addToTally({ passed, failed }) {
  mkdirSync(`${root}/.cache`, { recursive: true });
  appendFileSync(FILE, `${passed} ${failed}\n`);
}

/** The sums of all that was added. */
function read() {
  const sum = { passed: 0, failed: 0 };
  if (!existsSync(FILE)) return sum;
  for (const line of readFileSync(FILE, "utf8").trim().split("\n")) {
    const [passed, failed] = line.split(" ").map(Number);
    sum.passed += passed;
    sum.failed += failed;
  }
  return sum;
}

// `node scripts/lib/tally.mjs STEPS`, with the number of CI's own steps that failed.
await main(import.meta.url, () => {
  const { passed, failed } = read();
  const steps = Number(process.argv[2] ?? 0);
  // A step may fail without a failed test.
  const total = Math.max(failed, steps);
  console.log(`\n${passed} passed, ${total} failed`);
  if (total > 0 || passed === 0) process.exitCode = 1;
});
