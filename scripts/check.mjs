// `npm run check`: everything that can be said about the code without running it. All checks run, even if one fails.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, NAPI_FLAGS } from "./build.mjs";
import { checkDocs } from "./docs.mjs";
import { wrongDirections } from "./lib/directions.mjs";
import { lintPackage, lintWorkflows } from "./lib/lint-package.mjs";
import { bin, Failure, main, root, run, step } from "./lib/run.mjs";
import { pack } from "./pack.mjs";
import { setup } from "./setup.mjs";

function directions() {
  const found = wrongDirections();
  if (found.length > 0) throw new Failure(`imports in the wrong direction:\n${found.join("\n")}`);
}

let built;
/** The release build is mostly one thread's work, in a target folder of its own: it goes on beside cargo's checks. */
function isBuilt() {
  built ??= build();
  return built;
}

/** native.cjs and native.d.ts are generated and committed: a fresh build must give the same. */
async function generated() {
  await isBuilt();
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-"));
  try {
    await bin("napi", ["build", ...NAPI_FLAGS, "--output-dir", folder], { quiet: true });
    for (const name of ["native.cjs", "native.d.ts"]) {
      const here = readFileSync(`${root}/${name}`, "utf8");
      const fresh = readFileSync(join(folder, name), "utf8");
      if (here !== fresh)
        throw new Failure(`${name} is not what the build generates: run "npm run build" and commit it`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const CHECKS = {
  "cargo fmt": () => run("cargo", ["fmt", "--check"]),
  "cargo clippy": () => run("cargo", ["clippy", "--all-targets", "--quiet", "--", "-D", "warnings"]),
  "cargo check without Node": () => run("cargo", ["check", "--no-default-features", "--quiet"]),
  "generated files": generated,
  biome: () => bin("biome", ["check", "--error-on-warnings"]),
  // Tests import the package by its name, so its types must be there.
  tsc: async () => {
    await isBuilt();
    await bin("tsc", ["--noEmit"]);
  },
  "import directions": directions,
  "API reference": checkDocs,
  "npm package": async () => {
    await pack();
    await lintPackage();
  },
  "GitHub workflows": lintWorkflows,
};

async function check() {
  await setup();
  isBuilt().catch(() => {});
  const failed = [];
  for (const [name, work] of Object.entries(CHECKS)) {
    step(name);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      console.error(error.message);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new Failure(`failed: ${failed.join(", ")}`);
}

await main(import.meta.url, check);
