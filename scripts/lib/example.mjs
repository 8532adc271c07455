// The example app: installing the packed tarballs in it, and building it.

import { TARBALLS } from "../pack.mjs";
import { npm, root, run, step } from "./run.mjs";
import { unlessFresh } from "./stamp.mjs";

const FOLDER = "examples/nself-admin";
const SOURCES = ["app", "components", "lib", "services", "instrumentation.ts", "next.config.ts", "tsconfig.json"];

/** The example's folder, absolute. */
export const exampleFolder = `${root}/${FOLDER}`;

/** The command line of Next, without "node". */
export const nextBin = `${exampleFolder}/node_modules/next/dist/bin/next`;

/**
 * Installs what the lock file says, and the tarballs as they are now: the lock file holds no integrity for them, since they change with
 * each build.
 */
export async function installExample() {
  const inputs = [...TARBALLS, `${FOLDER}/package.json`, `${FOLDER}/package-lock.json`];
  const outputs = [`${FOLDER}/node_modules/.package-lock.json`];
  await unlessFresh("example-install", { inputs, outputs }, async () => {
    step("installing the example");
    const tarballs = TARBALLS.map((path) => `${root}/${path}`);
    await npm(["install", "--no-save", "--prefer-offline", "--no-progress", ...tarballs], {
      cwd: exampleFolder,
      quiet: true,
    });
  });
}

/** `next build`, if sources or packages changed. `standalone`: also the standalone output, in its own build folder. */
export async function buildExample({ standalone = false } = {}) {
  const dist = standalone ? ".next-standalone" : ".next";
  const inputs = [...SOURCES.map((name) => `${FOLDER}/${name}`), `${FOLDER}/package-lock.json`, ...TARBALLS];
  const outputs = [`${FOLDER}/${dist}/BUILD_ID`];
  await unlessFresh(`example-build${standalone ? "-standalone" : ""}`, { inputs, outputs }, async () => {
    step(`building the example${standalone ? " (standalone)" : ""}`);
    const env = { NEXT_TELEMETRY_DISABLED: "1", ...(standalone && { NEXT_STANDALONE: "1" }) };
    await run(process.execPath, [nextBin, "build"], { cwd: exampleFolder, env, quiet: true });
  });
}
