// Who follows the README with a fresh application sees an event in the browser: by each version of Next, each bundler and each package
// manager, installed by the very command that `npm run pack` prints. The types are checked as Next's own tsconfig has it.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launchBrowser, type TestBrowser } from "../e2e/support/browser.js";
import { post } from "../e2e/support/client.js";
import { dependencies, EMPTY_APP, steps } from "../e2e/support/fresh-app.js";
import { NEXT, writeFiles } from "../e2e/support/make-app.js";
import { type Mode, startNext } from "../e2e/support/next.js";
import { add } from "../e2e/support/package-managers.js";
import { root } from "../e2e/support/paths.js";
import { Program } from "../e2e/support/program.js";

type Version = keyof typeof NEXT;
interface Combination {
  version: Version;
  bundler: "turbopack" | "webpack";
  manager: "npm" | "pnpm";
  /** Arguments of `next dev`. */
  dev: string[];
  /** Arguments of `next build`; undefined: that bundler does not build there. */
  build?: string[];
}

/** How each version is told its bundler. */
const BUNDLERS: Record<Version, Array<Pick<Combination, "bundler" | "dev" | "build">>> = {
  "14.2.35": [
    { bundler: "turbopack", dev: ["--turbo"] },
    { bundler: "webpack", dev: [], build: [] },
  ],
  "15.5.29": [
    { bundler: "turbopack", dev: ["--turbopack"], build: ["--turbopack"] },
    { bundler: "webpack", dev: [], build: [] },
  ],
  "16.4.6": [
    { bundler: "turbopack", dev: ["--turbopack"], build: ["--turbopack"] },
    { bundler: "webpack", dev: ["--webpack"], build: ["--webpack"] },
  ],
};

const COMBINATIONS = (Object.keys(BUNDLERS) as Version[]).flatMap((version) =>
  BUNDLERS[version].flatMap((how) => (["npm", "pnpm"] as const).map((manager) => ({ version, manager, ...how }))),
);

let browser: TestBrowser;
/** What `npm run pack` says. */
let printed: string;
beforeAll(async () => {
  printed = execFileSync(process.execPath, ["scripts/pack.mjs"], { cwd: root, encoding: "utf8" });
  browser = await launchBrowser();
});
afterAll(() => browser?.close());

let folder: string | undefined;
const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) if (program.child.exitCode === null) await program.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The packages of the printed command for a package manager. */
function printedPackages(manager: "npm" | "pnpm"): string[] {
  const [, words] = new RegExp(`^  ${manager} (?:install|add) (.*)$`, "m").exec(printed) ?? [];
  if (!words) throw new Error(`npm run pack prints no command for ${manager}:\n${printed}`);
  return words.split(" ");
}

async function run(cwd: string, ...args: string[]): Promise<string> {
  const program = new Program(args, { cwd });
  running.push(program);
  expect(await program.ended, program.output).toBe(0);
  return program.output;
}

/** The page shows what the route emits. */
async function expectEvent(cwd: string, mode: Mode, args: string[]): Promise<void> {
  const server = await startNext({ folder: cwd, mode, args });
  running.push(server.program);
  const page = await browser.context.newPage();
  await page.goto(server.url);
  await page.getByText("unknown").waitFor();
  // Until the page is connected an event passes it by.
  await expect
    .poll(
      async () => {
        expect(await post(`${server.url}/api/services/start`, {})).toEqual({ success: true });
        return page.locator("p").first().textContent();
      },
      { timeout: 60_000, interval: 500 },
    )
    .toBe("running");
  await page.close();
  await server.program.stop();
}

test.each<Combination>(COMBINATIONS)("Next $version by $bundler and $manager", async (combination) => {
  const { version, manager, dev, build } = combination;
  folder = mkdtempSync(join(tmpdir(), "nself-realtime-fresh-"));
  const { setUp, code } = steps();
  writeFiles(folder, { ...EMPTY_APP, ...code });
  const registry = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
  await add(manager, folder, registry, [...dependencies(version, NEXT[version]), ...printedPackages(manager)]);
  const command = join(folder, "node_modules/nself-realtime/dist/esm/cli/main.js");
  // By hand, or by the command, which Next 14 needs as it reads no next.config.ts.
  if (manager === "npm" && version !== "14.2.35") writeFiles(folder, setUp);
  else await run(folder, command, "init");
  expect(await run(folder, command, "doctor")).toContain("No problem found.");

  await expectEvent(folder, "dev", dev);
  if (!build) return;
  await run(folder, join(folder, "node_modules/next/dist/bin/next"), "build", ...build);
  await expectEvent(folder, "start", []);
  const config = existsSync(join(folder, "tsconfig.json")) ? readFileSync(join(folder, "tsconfig.json"), "utf8") : "";
  expect(config).toMatch(
    version === "16.4.6" ? /"moduleResolution": "(?:bundler|node)"/ : /"moduleResolution": "node"/,
  );
});
