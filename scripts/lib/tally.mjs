// Counts of tests that passed and failed, added up over the runs of one CI, which removes the file before; for its last line.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { main, root } from "./run.mjs";

const FILE = `${root}/.cache/tally.json`;

function read() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : { passed: 0, failed: 0 };
}

/** Adds counts. */
export function addToTally({ passed, failed }) {
  const before = read();
  mkdirSync(`${root}/.cache`, { recursive: true });
  writeFileSync(FILE, JSON.stringify({ passed: before.passed + passed, failed: before.failed + failed }));
}

// CI's last line: `node scripts/lib/tally.mjs STEPS`, with the number of CI's own steps that failed.
await main(import.meta.url, () => {
  const { passed, failed } = read();
  const steps = Number(process.argv[2] ?? 0);
  // A step may fail without a failed test.
  const total = Math.max(failed, steps);
  console.log(`\n${passed} passed, ${total} failed`);
  if (total > 0 || passed === 0) process.exitCode = 1;
});
