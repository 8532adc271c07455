// The example app: installing the packed tarballs in it, and building it.

import { TARBALLS } from "../pack.mjs";
import { npm, root, run, step } from "./run.mjs";
import { unlessFresh } from "./stamp.mjs";

const FOLDER = "examples/nself-admin";
const SOURCES = [
  "app",
  "components",
  "lib",
  "services",
  "tasks",
  "instrumentation.ts",
  "next.config.ts",
  "tsconfig.json",
];

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

/** What a build of the example depends on. */
export const exampleInputs = [
  ...SOURCES.map((name) => `${FOLDER}/${name}`),
  `${FOLDER}/package-lock.json`,
  ...TARBALLS,
];

/** `next build`, if sources or packages changed. */
export async function buildExample() {
  await unlessFresh("example-build", { inputs: exampleInputs, outputs: [`${FOLDER}/.next/BUILD_ID`] }, async () => {
    step("building the example");
    await run(process.execPath, [nextBin, "build"], {
      cwd: exampleFolder,
      env: { NEXT_TELEMETRY_DISABLED: "1" },
      quiet: true,
    });
  });
}
