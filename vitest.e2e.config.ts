// The end-to-end tests: whole Next.js processes and a browser, one file after another. E2E=quick leaves out the slow ones, E2E=slow all others.

import { defineConfig } from "vitest/config";

/** Those that install other versions, or build apps of their own: minutes. */
const SLOW = [
  "docker",
  "foreign",
  "migrating",
  "next-app",
  "next-modes",
  "outage",
  "packaging",
  "servers",
  "versions",
].map((name) => `${name}.test.ts`);

/** Not those of the applications that tests build. */
const all = ["*.test.ts"];
const { E2E } = process.env;

export default defineConfig({
  test: {
    dir: "__test__/e2e",
    include: E2E === "slow" ? SLOW : all,
    exclude: E2E === "quick" ? SLOW : [],
    globalSetup: ["__test__/support/temporary-folder.mjs", "__test__/e2e/support/global-setup.mjs"],
    fileParallelism: false,
    // Tests wait for events. Whatever reaches these limits hangs.
    expect: { poll: { timeout: 120_000 } },
    testTimeout: 300_000,
    hookTimeout: 600_000,
    slowTestThreshold: 10_000,
  },
});
