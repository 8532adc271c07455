// `npm test` itself: what it reads from cargo and vitest, and what it says of a failure.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/documents.js";

interface Result {
  passed: number;
  failed: Array<{ name: string; reason?: string; rerun: string }>;
}

interface CargoOutput {
  passed: number;
  doing: string;
  details: string;
  failed: Array<{ target: number; name: string }>;
  read(stream: "out" | "err", chunk: string): void;
  reason(test: { name: string }): string | undefined;
  rerun(test: { target: number; name: string }): string;
}

const load = (name: string) => import(/* @vite-ignore */ `../scripts/lib/${name}.mjs`);

test("cargo: tests are counted, failures named by target, however the two streams arrive", async () => {
  const { CargoOutput } = (await load("cargo-tests")) as { CargoOutput: new () => CargoOutput };
  const output = new CargoOutput();
  output.read("err", "   Compiling libc v0.2.1\n   Compiling nself_realtime v0.1.0 (/x)\n");
  expect(output.doing).toBe("compiled 2 crates");
  output.read(
    "err",
    "    Finished `test` profile in 1.2s\n     Running unittests src/lib.rs (target/debug/deps/n-1)\n",
  );
  output.read("out", "\nrunning 2 tests\ntest hub::a ... ok\ntest hub::b .");
  output.read("err", "     Running tests/limits.rs (target/debug/deps/limits-2)\n");
  output.read("out", ".. FAILED\n\nfailures:\n\n---- hub::b stdout ----\nassertion failed\n\ntest result: FAILED.\n");
  output.read(
    "out",
    "\nrunning 3 tests\ntest a ... ok\ntest b - should panic ... ok\ntest c ... ignored\n\ntest result: ok.\n",
  );
  output.read("err", "   Doc-tests nself_realtime\n");
  output.read("out", "\nrunning 1 test\ntest src/lib.rs - f (line 3) ... FAILED\n");
  expect(output.passed).toBe(3);
  expect(output.failed.map((failed) => [failed.name, output.rerun(failed)])).toEqual([
    ["hub::b", "cargo test --lib -- --exact 'hub::b'"],
    ["src/lib.rs - f (line 3)", "cargo test --doc -- --exact 'src/lib.rs - f (line 3)'"],
  ]);
  expect(output.details).toContain("assertion failed");
  expect(output.reason({ name: "hub::b" })).toContain("assertion failed");
  expect(output.doing).toBe("doc: 3 tests passed, 2 failed");
});

test("cargo: what the compiler says is kept", async () => {
  const { CargoOutput } = (await load("cargo-tests")) as { CargoOutput: new () => CargoOutput };
  const output = new CargoOutput();
  output.read("err", "   Compiling nself_realtime v0.1.0 (/x)\nerror[E0308]: mismatched types\n  --> src/lib.rs:1\n");
  expect(output.details).toBe("error[E0308]: mismatched types\n  --> src/lib.rs:1\n");
});

test("vitest: each failed test has its command; a file that cannot be loaded is one", async () => {
  const { readReport } = (await load("vitest-tests")) as { readReport(file: string, how: string[]): Result };
  const file = join(mkdtempSync(join(tmpdir(), "nself-realtime-report-")), "report.json");
  const how = ["--config", "vitest.e2e.config.ts"];
  expect(readReport(file, how).failed).toHaveLength(1);
  const report = {
    numPassedTests: 7,
    testResults: [
      {
        name: `${root}/__test__/a.test.ts`,
        status: "failed",
        assertionResults: [
          { status: "passed", fullName: "group works" },
          { status: "failed", fullName: "group isn't (quite) right", failureMessages: ["1 is not 2"] },
        ],
      },
      { name: `${root}/__test__/b.test.ts`, status: "failed", message: "it cannot be loaded", assertionResults: [] },
      { name: `${root}/__test__/c.test.ts`, status: "passed", assertionResults: [] },
    ],
  };
  writeFileSync(file, JSON.stringify(report));
  expect(readReport(file, how)).toEqual({
    passed: 7,
    failed: [
      {
        name: "__test__/a.test.ts > group isn't (quite) right",
        reason: "1 is not 2",
        rerun:
          "npx vitest run --config vitest.e2e.config.ts __test__/a.test.ts -t '^group isn'\\''t \\(quite\\) right$'",
      },
      {
        name: "__test__/b.test.ts",
        reason: "it cannot be loaded",
        rerun: "npx vitest run --config vitest.e2e.config.ts __test__/b.test.ts",
      },
    ],
  });
});

test("the temporary folder of a run is gone with it", async () => {
  const { ownTemporaryFolder } = (await load("temporary")) as { ownTemporaryFolder(): () => void };
  const { existsSync } = await import("node:fs");
  const before = tmpdir();
  const remove = ownTemporaryFolder();
  const folder = tmpdir();
  expect(folder).not.toBe(before);
  mkdtempSync(join(folder, "left-"));
  remove();
  expect([existsSync(folder), tmpdir()]).toEqual([false, before]);
});
