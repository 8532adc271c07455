// Before the end-to-end tests: the package is built and packed, the examples have the tarballs installed and are built, the admin both
// ways. What is up to date is left alone.

import { build } from "../../../scripts/build.mjs";
import { EXAMPLES, example } from "../../../scripts/lib/example.mjs";
import { step } from "../../../scripts/lib/run.mjs";
import { unlessFresh } from "../../../scripts/lib/stamp.mjs";
import { pack } from "../../../scripts/pack.mjs";
import { setup as setUpClone } from "../../../scripts/setup.mjs";
import { buildStandalone } from "./app-copy.js";

export async function setup() {
  await setUpClone();
  await build();
  await pack();
  for (const name of EXAMPLES) {
    await example(name).install();
    await example(name).build();
  }
  // Only slow tests run it.
  if (process.env.E2E === "quick") return;
  const { inputs } = example("nself-admin");
  const outputs = [".cache/e2e/standalone/.next/standalone/server.js"];
  await unlessFresh("example-standalone", { inputs, outputs }, async () => {
    step("building the example with standalone output");
    buildStandalone();
  });
}
