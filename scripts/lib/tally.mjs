// Counts of tests that passed and failed, added up over the runners and kept in a file for CI's last line.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { root } from "./run.mjs";

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

/** Starts a new tally, and returns a function that adds to it. */
export function newTally() {
  const total = { passed: 0, failed: 0 };
  const save = () => {
    mkdirSync(`${root}/.cache`, { recursive: true });
    writeFileSync(FILE, JSON.stringify(total));
  };
  save();
  return {
    total,
    add({ passed, failed }) {
      total.passed += passed;
      total.failed += failed;
      save();
    },
  };
}
