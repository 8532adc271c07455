// The matrix: fresh applications by each version of Next, bundler and package manager. Slow, so `npm test` leaves it out: `npm run test:all`.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    dir: "__test__/matrix",
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 300_000,
  },
});
