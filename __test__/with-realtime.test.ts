// withRealtime: what it makes of a configuration, by the version of Next that reads it, wherever that is installed.

import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Installation, installation } from "./support/installation.js";

let app: Installation;
beforeEach(() => {
  app = installation();
});
afterEach(() => app.remove());

/** Has a stand-in for Next in `modules` read a configuration in `folder`, as Next does; its answer. */
function read(version: string, modules: string, config: string, cwd = "."): Record<string, unknown> {
  app.write(`${modules}/next/package.json`, { name: "next", version });
  app.write(
    `${modules}/next/dist/bin/next.cjs`,
    `import(process.argv[2]).then(async ({ default: config }) => {
      if (typeof config === "function") config = config("phase", {});
      console.log(JSON.stringify(await config));
    });`,
  );
  app.write("apps/web/next.config.mjs", `import { withRealtime } from "nself-realtime/next";\n${config}`);
  const program = `${app.folder}/${modules}/next/dist/bin/next.cjs`;
  const { stdout, stderr } = spawnSync(process.execPath, [program, `${app.folder}/apps/web/next.config.mjs`], {
    cwd: `${app.folder}/${cwd}`,
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

const EXTERNAL = ["esm", "cjs"].flatMap((format) =>
  ["server", "next"].map((part) => `nself-realtime/dist/${format}/${part}`),
);
const OLD = { experimental: { instrumentationHook: true, serverComponentsExternalPackages: EXTERNAL } };
const NEW = { serverExternalPackages: EXTERNAL };

test.each<[string, string, string, object]>([
  ["14.2.35", "apps/web/node_modules", ".", OLD],
  ["14.2.35", "apps/web/node_modules", "apps/web", OLD],
  ["15.5.29", "apps/web/node_modules", ".", NEW],
  ["16.4.6", "apps/web/node_modules/.pnpm/next@16.4.6/node_modules", ".", NEW],
  ["14.2.35", "node_modules", "apps/web", OLD],
])("by the Next that reads it: %s in %s, started in %s", (version, modules, cwd, expected) => {
  // Another version than that, above.
  if (modules !== "node_modules") {
    const other = version.startsWith("14") ? "16.4.6" : "14.2.35";
    app.write("node_modules/next/package.json", { name: "next", version: other });
  }
  expect(read(version, modules, "export default withRealtime({});", cwd)).toEqual(expected);
});

test.each([
  ["an object", "withRealtime(config)"],
  ["a function", "withRealtime(() => config)"],
  ["an async function", "withRealtime(async () => config)"],
  ["a promise", "withRealtime(Promise.resolve(config))"],
])("%s keeps its settings", (_, expression) => {
  const config = { poweredByHeader: false, reactCompiler: true, serverExternalPackages: ["sharp"] };
  const text = `const config = ${JSON.stringify(config)};\nexport default ${expression};`;
  expect(read("16.4.6", "node_modules", text)).toEqual({ ...config, serverExternalPackages: ["sharp", ...EXTERNAL] });
});
