// The behaviour tests, against the built package, and the tests that stand beside their source.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["ts/**/*.test.ts", "__test__/**/*.test.{ts,tsx}"],
    exclude: ["__test__/e2e/**", "__test__/matrix/**"],
    globalSetup: "__test__/support/temporary-folder.mjs",
    setupFiles: "__test__/support/patience.ts",
    // Tests wait for events. Whatever reaches these limits hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // They wait more than they work.
    maxWorkers: "150%",
    slowTestThreshold: 5000,
    silent: "passed-only",
  },
});
