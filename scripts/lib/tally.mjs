// Counts of tests that passed and failed, added up over the runners and kept in a file for CI's last line.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { main, root } from "./run.mjs";

const FILE = `${root}/.cache/tally.json`;

/** The counts of `cargo test`'s output: the sum of its "test result" lines. */
export function cargoCounts(output) {
  const counts = { passed: 0, failed: 0 };
  for (const [, passed, failed] of output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed/gm)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
  }
  return counts;
}

/** The counts of vitest's JSON report; a run that wrote none is one failure. */
export function vitestCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(file, "utf8"));
  // A file that cannot be loaded has no tests to fail.
  const broken = report.testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.length === 0,
  ).length;
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken };
}

function read() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : { passed: 0, failed: 0 };
}

/** Forgets what was counted. */
export function clearTally() {
  rmSync(FILE, { force: true });
}

/** Adds counts, and returns the sum so far. */
export function addToTally({ passed, failed }) {
  const before = read();
  const sum = { passed: before.passed + passed, failed: before.failed + failed };
  mkdirSync(`${root}/.cache`, { recursive: true });
  writeFileSync(FILE, JSON.stringify(sum));
  return sum;
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
