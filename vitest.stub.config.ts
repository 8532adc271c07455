// The end-to-end tests: whole Next.js processes and a browser, one file after another.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    dir: "__test__/e2e",

    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
