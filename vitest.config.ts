// The behaviour tests, against the built package, and the tests that stand beside their source.

import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const named = (names: string[]) => names.map((name) => `__test__/${name}.test.ts`);

/** The longest, longest first: whichever began last would run by itself for as long as it takes. */
const LONG = named([
  "cli",
  "differential",
  "attack",
  "entry-points",
  "cli-init",
  "presence",
  "backlog",
  "process-life",
]);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONG.findIndex((name) => moduleId.endsWith(name));
      return found < 0 ? LONG.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** Those whose subject is no running server, but the command, types, documents or bundles. */
const WITHOUT_SERVER = named([
  "cli",
  "cli-init",
  "cli-url",
  "client-bundle",
  "docs",
  "docs-programs",
  "entry-points",
  "readme",
  "test-runner",
  "with-realtime",
]);

export default defineConfig({
  test: {
    include: ["ts/**/*.test.ts", "__test__/**/*.test.{ts,tsx}"],
    exclude: [
      "__test__/e2e/**",
      "__test__/matrix/**",
      // How many threads a server has is nothing to them: they run once.
      ...(process.env.NSELF_REALTIME_SHARDS ? WITHOUT_SERVER : []),
    ],
    sequence: { sequencer: LongFirst },
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
