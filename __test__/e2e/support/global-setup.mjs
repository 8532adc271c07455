// Before the end-to-end tests: the package is built and packed, the example has the tarballs installed and is built, both ways. What is up
// to date is left alone.

import { build } from "../../../scripts/build.mjs";
import { buildExample, installExample } from "../../../scripts/lib/example.mjs";
import { pack } from "../../../scripts/pack.mjs";
import { setup as setUpClone } from "../../../scripts/setup.mjs";

export async function setup() {
  await setUpClone();
  await build();
  await pack();
  await installExample();
  await buildExample();
  await buildExample({ standalone: true });
}
