// `npm test`: builds what is needed, then runs the Rust tests, the behaviour tests against the built package, and the end-to-end tests of
// the example. `npm run test:all` also runs the slow end-to-end tests (other versions, package managers) and the matrix of fresh apps. All
// run, even if one fails; the end lists what failed, and how to run each again. Names of suites choose some: `npm test -- rust unit`.

import { build } from "./build.mjs";
import { cargoTests } from "./lib/cargo-tests.mjs";
import { Failure, main, step } from "./lib/run.mjs";
import { addToTally } from "./lib/tally.mjs";
import { ownTemporaryFolder } from "./lib/temporary.mjs";
import { vitestTests } from "./lib/vitest-tests.mjs";
import { pack } from "./pack.mjs";
import { setup } from "./setup.mjs";

const E2E = ["--config", "vitest.e2e.config.ts"];

const SUITES = {
  rust: () => cargoTests(),
  unit: () => vitestTests("unit", []),
  e2e: () => vitestTests("e2e", E2E, { E2E: "quick" }),
  slow: () => vitestTests("slow", E2E, { E2E: "slow" }),
  matrix: () => vitestTests("matrix", ["--config", "vitest.matrix.config.ts"]),
};

const USUAL = ["rust", "unit", "e2e"];

const seconds = (since) => `${Math.round((performance.now() - since) / 1000)} s`;

function show(failed) {
  console.error(`\n${failed.length} failed. Each again by itself:`);
  for (const { name, rerun } of failed) console.error(`  \x1b[31m✗\x1b[0m ${name}\n    ${rerun}`);
  console.error();
}

async function test() {
  const asked = process.argv.length > 2 ? process.argv.slice(2) : USUAL;
  const unknown = asked.find((name) => !(name in SUITES));
  if (unknown) throw new Failure(`there is no suite ${unknown}; there are ${Object.keys(SUITES).join(", ")}`);
  const removeTemporary = ownTemporaryFolder();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      removeTemporary();
      process.kill(process.pid, signal);
    });
  }
  await setup();
  await build();
  await pack();
  const total = { passed: 0, failed: [] };
  for (const [name, suite] of Object.entries(SUITES)) {
    if (!asked.includes(name)) continue;
    const start = performance.now();
    step(`${name} tests`);
    const { passed, failed } = await suite();
    step(`${name} tests: ${passed} passed, ${failed.length} failed in ${seconds(start)}`);
    const shards = process.env.NSELF_REALTIME_SHARDS;
    addToTally({ suite: shards ? `${name} with ${shards} shards` : name, passed, failed });
    total.passed += passed;
    total.failed.push(...failed);
  }
  removeTemporary();
  if (total.failed.length > 0) show(total.failed);
  console.log(`${total.passed} passed, ${total.failed.length} failed`);
  if (total.failed.length > 0 || total.passed === 0) process.exitCode = 1;
}

await main(import.meta.url, test);
