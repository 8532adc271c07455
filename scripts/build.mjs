// Builds the package: the Rust binary with its loader and types, then the TypeScript as ES modules and as CommonJS.
// What is up to date is left alone; `--force` builds all.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { binaryName } from "./lib/platform.mjs";
import { bin, main, root, step } from "./lib/run.mjs";
import { unlessFresh } from "./lib/stamp.mjs";

/** What `napi build` is told, here and in the check that its outputs are in step. */
export const NAPI_FLAGS = ["--platform", "--release", "--js", "native.cjs", "--dts", "native.d.ts"];

const RUST_INPUTS = ["src", "Cargo.toml", "Cargo.lock", "build.rs"];
const TS_INPUTS = [
  "ts",
  "native.d.ts",
  "package.json",
  "tsconfig.json",
  "tsconfig.esm.json",
  "tsconfig.cjs.json",
  "scripts/build.mjs",
];
const TS_OUTPUTS = ["dist/esm/server/index.js", "dist/cjs/server/index.js", "dist/cjs/package.json"];

async function buildRust() {
  step("building the Rust binary (the first time takes a few minutes)");
  await bin("napi", ["build", ...NAPI_FLAGS]);
}

async function buildTypeScript() {
  step("building the TypeScript");
  // Beside dist, which changes only when all is there.
  const fresh = ".cache/dist";
  rmSync(`${root}/${fresh}`, { recursive: true, force: true });
  for (const format of ["esm", "cjs"])
    await bin("tsc", ["-p", `tsconfig.${format}.json`, "--outDir", `${fresh}/${format}`]);
  writeFileSync(`${root}/${fresh}/cjs/package.json`, '{ "type": "commonjs" }\n');
  // Declarations name the binary's types as the sources do, and are a folder deeper.
  writeFileSync(`${root}/${fresh}/native.d.ts`, 'export * from "../native.js";\n');
  rmSync(`${root}/dist`, { recursive: true, force: true });
  renameSync(`${root}/${fresh}`, `${root}/dist`);
}

/** What of package.json the binary and its loader depend on. */
function rustValues() {
  const { version, napi } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
  return JSON.stringify([version, napi, NAPI_FLAGS]);
}

/** Builds what is not up to date. */
export async function build({ force = false } = {}) {
  await unlessFresh(
    "rust",
    { inputs: RUST_INPUTS, values: rustValues(), outputs: [binaryName(), "native.cjs", "native.d.ts"], force },
    buildRust,
  );
  await unlessFresh("typescript", { inputs: TS_INPUTS, outputs: TS_OUTPUTS, force }, buildTypeScript);
}

await main(import.meta.url, () => build({ force: process.argv.includes("--force") }));
