// The example apps: installing the packed tarballs in one, and building it.

import { readdirSync } from "node:fs";
import { TARBALLS } from "../pack.mjs";
import { npm, root, run, step } from "./run.mjs";
import { unlessFresh } from "./stamp.mjs";

/** The names of the examples. */
export const EXAMPLES = readdirSync(`${root}/examples`);

/** Documents, and what installing writes. */
const NO_SOURCES = /^(?:node_modules|\..*|.*\.md|package\.json|.*\.tsbuildinfo)$/;

/** An example by its name. */
export function example(name) {
  const path = `examples/${name}`;
  const folder = `${root}/${path}`;
  const nextBin = `${folder}/node_modules/next/dist/bin/next`;
  const sources = readdirSync(folder).filter((entry) => !NO_SOURCES.test(entry));
  const inputs = [...sources.map((entry) => `${path}/${entry}`), ...TARBALLS];

  return {
    /** Its folder, absolute. */
    folder,
    /** The command line of Next, without "node". */
    nextBin,
    /** What a build of it depends on. */
    inputs,

    /**
     * Installs what the lock file says, and the tarballs as they are now: the lock file holds no integrity for them, since they change
     * with each build.
     */
    async install() {
      const from = [...TARBALLS, `${path}/package.json`, `${path}/package-lock.json`];
      const outputs = [`${path}/node_modules/.package-lock.json`];
      await unlessFresh(`${name}-install`, { inputs: from, outputs }, async () => {
        step(`installing the example ${name}`);
        const tarballs = TARBALLS.map((tarball) => `${root}/${tarball}`);
        await npm(["install", "--no-save", "--prefer-offline", "--no-progress", ...tarballs], {
          cwd: folder,
          quiet: true,
        });
      });
    },

    /** `next build`, if sources or packages changed. */
    async build() {
      await unlessFresh(`${name}-build`, { inputs, outputs: [`${path}/.next/BUILD_ID`] }, async () => {
        step(`building the example ${name}`);
        await run(process.execPath, [nextBin, "build"], {
          cwd: folder,
          env: { NEXT_TELEMETRY_DISABLED: "1" },
          quiet: true,
        });
      });
    },
  };
}
