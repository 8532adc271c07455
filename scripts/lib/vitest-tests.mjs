// Runs vitest, and reads from its report which tests failed.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { relative } from "node:path";
import { bin, root } from "./run.mjs";

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** How many passed in a JSON report of vitest, and what failed, each with its command. No report: that is what failed. */
export function readReport(file, how) {
  const command = ["npx vitest run", ...how].join(" ");
  if (!existsSync(file)) return { passed: 0, failed: [{ name: "vitest wrote no report", rerun: command }] };
  const report = JSON.parse(readFileSync(file, "utf8"));
  const failed = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const path = relative(root, name).replaceAll("\\", "/");
    const tests = assertionResults.filter((test) => test.status === "failed");
    // A file that cannot be loaded, or whose hooks fail, has no failed tests.
    if (tests.length === 0)
      return status === "failed" ? [{ name: path, reason: message, rerun: `${command} ${path}` }] : [];
    return tests.map(({ fullName, failureMessages }) => ({
      name: `${path} > ${fullName}`,
      reason: failureMessages.join("\n"),
      rerun: `${command} ${path} -t ${quote(`^${escapeRegExp(fullName)}$`)}`,
    }));
  });
  return { passed: report.numPassedTests, failed };
}

/** Resolves with how many passed, and the tests that failed, each with its command. */
export async function vitestTests(name, args, env) {
  const file = `${root}/.cache/vitest-${name}.json`;
  rmSync(file, { force: true });
  const reporters = ["default", `${root}/scripts/lib/vitest-progress.mjs`, "json"].map((each) => `--reporter=${each}`);
  const { code } = await bin("vitest", ["run", ...args, ...reporters, `--outputFile.json=${file}`], {
    allowFailure: true,
    env,
  });
  const result = readReport(file, args);
  // Such as an error outside of any test.
  if (code !== 0 && result.failed.length === 0)
    result.failed.push({ name: `an error outside of the ${name} tests`, rerun: ["npx vitest run", ...args].join(" ") });
  return result;
}
