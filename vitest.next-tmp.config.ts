import { defineConfig } from "vitest/config";
export default defineConfig({
  test: { dir: "__test__", fileParallelism: false, testTimeout: 240_000, hookTimeout: 300_000 },
});
