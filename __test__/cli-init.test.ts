// `nself-realtime init`: what it makes of applications, and that a second run changes nothing.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Installation, installation } from "./support/installation.js";

let app: Installation;
beforeEach(() => {
  app = installation();
  for (const name of ["next.config.mjs", "instrumentation.ts"]) app.write(name, null);
});
afterEach(() => app.remove());

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [app.command, ...args], {
    cwd: app.folder,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

const read = (path: string) => readFileSync(join(app.folder, path), "utf8");

/** Runs it twice: the second time finds everything done. Returns what the first said. */
function initTwice(...files: string[]): string {
  const first = run("init");
  expect(first.stderr).toBe("");
  expect(first.code).toBe(0);
  const texts = files.map(read);
  const second = run("init");
  expect(second).toMatchObject({ code: 0, stdout: expect.stringMatching(/already[\s\S]*already/) });
  expect(files.map(read)).toEqual(texts);
  expect(run("doctor").stdout).toContain("No problem found.");
  return first.stdout;
}

test("an application without any of it", () => {
  const said = initTwice("next.config.mjs", "instrumentation.js");
  expect(said).toMatch(/✓ next\.config\.mjs: written[\s\S]*✓ instrumentation\.js: written[\s\S]*connect at \/api\/ws/);
  expect(read("instrumentation.js")).toBe('export { register } from "nself-realtime";\n');
});

test.each([
  ["app", "instrumentation.ts"],
  ["src/app", "src/instrumentation.ts"],
  ["src/pages", "src/instrumentation.ts"],
])("TypeScript, with the pages in %s: %s", (pages, expected) => {
  app.write("tsconfig.json", {});
  app.write(`${pages}/page.tsx`, "");
  initTwice("next.config.mjs", expected);
  expect(existsSync(join(app.folder, "instrumentation.ts"))).toBe(expected === "instrumentation.ts");
});

const IMPORT = 'import { withRealtime } from "nself-realtime/next";';
const REQUIRE = 'const { withRealtime } = require("nself-realtime/next");';

// What create-next-app and its users write.
test.each<[string, string, string, string]>([
  [
    "create-next-app's",
    "next.config.ts",
    `import type { NextConfig } from "next";

const nextConfig: NextConfig = {
  cacheComponents: true,
};

export default nextConfig;
`,
    `import type { NextConfig } from "next";
${IMPORT}

const nextConfig: NextConfig = {
  cacheComponents: true,
};

export default withRealtime(nextConfig);
`,
  ],
  [
    "create-next-app's of 14",
    "next.config.mjs",
    `/** @type {import('next').NextConfig} */
const nextConfig = {};

export default nextConfig;
`,
    `${IMPORT}

/** @type {import('next').NextConfig} */
const nextConfig = {};

export default withRealtime(nextConfig);
`,
  ],
  [
    "CommonJS",
    "next.config.js",
    `// @ts-check
const path = require("path")

module.exports = { reactStrictMode: true }
`,
    `// @ts-check
const path = require("path")
${REQUIRE}

module.exports = withRealtime({ reactStrictMode: true })
`,
  ],
  [
    "a function that is declared",
    "next.config.mjs",
    `import { PHASE_DEVELOPMENT_SERVER } from "next/constants.js";
export default async function config(phase) {
  return { distDir: phase === PHASE_DEVELOPMENT_SERVER ? ".dev" : ".next" };
}
`,
    `import { PHASE_DEVELOPMENT_SERVER } from "next/constants.js";
${IMPORT}
export default withRealtime(async function config(phase) {
  return { distDir: phase === PHASE_DEVELOPMENT_SERVER ? ".dev" : ".next" };
});
`,
  ],
  [
    "an object of a type, with a comment for the file",
    "next.config.ts",
    `// @ts-check
export default { output: "standalone" } satisfies import("next").NextConfig
`,
    `// @ts-check
${IMPORT}

export default withRealtime({ output: "standalone" } satisfies import("next").NextConfig)
`,
  ],
  [
    "another wrapper",
    "next.config.mjs",
    `import withMDX from "@next/mdx";
export default withMDX()({ pageExtensions: ["tsx"] });
`,
    `import withMDX from "@next/mdx";
${IMPORT}
export default withRealtime(withMDX()({ pageExtensions: ["tsx"] }));
`,
  ],
])("wraps next.config and keeps its settings: %s", (_, file, before, after) => {
  app.write(file, before);
  initTwice(file, "instrumentation.js");
  expect(read(file)).toBe(after);
});

const REGISTER = 'import { register as registerRealtime } from "nself-realtime";';

test.each<[string, string, string]>([
  [
    "without a register()",
    "export function onRequestError() {}\n",
    'export function onRequestError() {}\nexport { register } from "nself-realtime";\n',
  ],
  [
    "a function",
    `import "./trace";

export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./sentry.server.config");
}
`,
    `import "./trace";
${REGISTER}

export async function register() {
  registerRealtime();
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./sentry.server.config");
}
`,
  ],
  [
    "a constant",
    "// Starts what is to start.\nexport const register = (): void => {\n    console.log('up')\n}\n",
    `${REGISTER}\n\n// Starts what is to start.\nexport const register = (): void => {\n    registerRealtime();\n    console.log('up')\n}\n`,
  ],
  [
    "exported by name",
    "function start() {}\nexport { start as register };\n",
    `${REGISTER}\n\nfunction start() {\n  registerRealtime();}\nexport { start as register };\n`,
  ],
])("adds to instrumentation.ts that there is: %s", (_, before, after) => {
  app.write("instrumentation.ts", before);
  initTwice("next.config.mjs", "instrumentation.ts");
  expect(read("instrumentation.ts")).toBe(after);
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    "a register() elsewhere",
    { "instrumentation.ts": 'export { register } from "./other";' },
    /its register\(\) is not a function in this file/,
  ],
  ["no export", { "next.config.mjs": "globalThis.config = {};" }, /its export was not found/],
  ["no code", { "next.config.mjs": "export default {" }, /next\.config\.mjs cannot be parsed: .*nothing was changed/],
  [
    "a file in the wrong place",
    { "instrumentation.ts": "", "src/app/page.tsx": "" },
    /Move it to src\/instrumentation\.ts, then run this again/,
  ],
])("says what it leaves to be done by hand: %s", (_, files, expected) => {
  for (const [path, text] of Object.entries(files)) app.write(path, text);
  expect(run("init")).toMatchObject({ code: 1, stdout: expect.stringMatching(expected) });
  for (const [path, text] of Object.entries(files)) expect(read(path)).toBe(text);
});

test("a custom server that starts it needs no instrumentation.ts", () => {
  app.write("server.mjs", 'import { attach } from "nself-realtime"; attach();');
  initTwice("next.config.mjs");
  expect(existsSync(join(app.folder, "instrumentation.js"))).toBe(false);
});

test("what is no Next application is refused", () => {
  app.write("node_modules/next", null);
  expect(run("init")).toMatchObject({ code: 1, stderr: expect.stringContaining("no Next application") });
  expect(run("init", "node_modules").code).toBe(1);
});
