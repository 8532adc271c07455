// Before the end-to-end tests: the package is built and packed, the example has the tarballs installed and is built, both ways. What is up
// to date is left alone.

import { build } from "../../../scripts/build.mjs";
import { buildExample, exampleInputs, installExample } from "../../../scripts/lib/example.mjs";
import { step } from "../../../scripts/lib/run.mjs";
import { unlessFresh } from "../../../scripts/lib/stamp.mjs";
import { pack } from "../../../scripts/pack.mjs";
import { setup as setUpClone } from "../../../scripts/setup.mjs";
import { buildStandalone } from "./app-copy.js";

export async function setup() {
  await setUpClone();
  await build();
  await pack();
  await installExample();
  await buildExample();
  const outputs = [".cache/e2e/standalone/.next/standalone/server.js"];
  await unlessFresh("example-standalone", { inputs: exampleInputs, outputs }, async () => {
    step("building the example with standalone output");
    buildStandalone();
  });
}
