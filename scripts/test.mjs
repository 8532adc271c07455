// `npm test`: builds what is needed, then runs the Rust tests, the behaviour tests against the built package, and the end-to-end tests.
// All run, even if one fails. Names of suites (rust, unit, e2e, matrix) choose some of them; `all` (`npm run test:all`) is every suite, of which
// the slow matrix is left out otherwise.

import { rmSync } from "node:fs";
import { build } from "./build.mjs";
import { bin, Failure, main, root, run, step } from "./lib/run.mjs";
import { addToTally, cargoCounts, clearTally, vitestCounts } from "./lib/tally.mjs";
import { pack } from "./pack.mjs";
import { setup } from "./setup.mjs";

async function rust() {
  const { code, output } = await run("cargo", ["test", "--quiet"], { capture: true, allowFailure: true });
  const counts = cargoCounts(output);
  // A test that does not compile is counted by nobody.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

async function vitest(name, args) {
  const file = `${root}/.cache/vitest-${name}.json`;
  rmSync(file, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { code } = await bin("vitest", ["run", ...args, ...reporters], { allowFailure: true });
  const counts = vitestCounts(file);
  // Such as an error outside of any test.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

const unit = () =>
  vitest("unit", ["ts/", "__test__/", "--exclude", "__test__/e2e/**", "--exclude", "__test__/matrix/**"]);

const e2e = () => vitest("e2e", ["--config", "vitest.e2e.config.ts"]);

const matrix = () => vitest("matrix", ["--config", "vitest.matrix.config.ts"]);

const SUITES = { rust, unit, e2e, matrix };
/** Without any name. */
const USUAL = ["rust", "unit", "e2e"];

async function test() {
  const names = process.argv.slice(2);
  const asked = names.includes("all") ? Object.keys(SUITES) : names.length > 0 ? names : USUAL;
  const unknown = asked.find((name) => !(name in SUITES));
  if (unknown) throw new Failure(`there is no suite ${unknown}; there are ${Object.keys(SUITES).join(", ")}`);
  await setup();
  await build();
  await pack();
  clearTally();
  let total = { passed: 0, failed: 0 };
  for (const [name, suite] of Object.entries(SUITES)) {
    if (!asked.includes(name)) continue;
    step(`${name} tests`);
    total = addToTally(await suite());
  }
  const { passed, failed } = total;
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

await main(import.meta.url, test);
