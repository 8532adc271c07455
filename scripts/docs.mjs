// Generates the API reference from the types and their doc comments: docs/api.md and a page in docs/api for each entry point; and
// docs/options.md from the table of options.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "./build.mjs";
import { optionsPage } from "./lib/options-page.mjs";
import { Failure, main, root } from "./lib/run.mjs";

/** What each folder of ts/ is imported as, and what for. */
const ENTRIES = {
  server: ["nself-realtime", "the server, and the emitters for routes"],
  next: ["nself-realtime/next", "for next.config and route handlers"],
  client: ["nself-realtime/client", "the browser's client"],
  react: ["nself-realtime/react", "hooks"],
};

const OPTIONS = {
  plugin: ["typedoc-plugin-markdown"],
  entryPoints: Object.keys(ENTRIES).map((name) => `${root}/ts/${name}/index.ts`),
  tsconfig: `${root}/tsconfig.esm.json`,
  readme: "none",
  router: "module",
  excludePrivate: true,
  excludeInternal: true,
  // What is inherited from EventEmitter is in the documentation of Node.
  excludeExternals: true,
  disableSources: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  typeAliasPropertiesFormat: "table",
  propertyMembersFormat: "table",
  logLevel: "Error",
};

const INDEX = `# API

Generated from the types by \`npm run docs\`. Options have their defaults with them, times are in ms and sizes in bytes unless said otherwise.

| import | holds |
|---|---|
${Object.entries(ENTRIES)
  .map(([name, [entry, what]]) => `| [\`${entry}\`](api/${name}.md) | ${what} |`)
  .join("\n")}
| \`nself-realtime/register\` | nothing: \`node --import nself-realtime/register\` starts the server with its defaults |

Errors are listed in [troubleshooting](troubleshooting.md).
`;

/** The pages, by their path below docs. */
async function pages() {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-docs-"));
  try {
    // Not at the top: `npm run check` of a fresh clone loads this before it has installed anything.
    const { Application, ReflectionKind } = await import("typedoc");
    const application = await Application.bootstrapWithPlugins({ ...OPTIONS, out: folder });
    const project = await application.convert();
    if (!project) throw new Failure("typedoc could not read the types");
    // What overrides a method of Node's, without a comment of its own, would have Node's: only that says since when.
    for (const signature of project.getReflectionsByKind(ReflectionKind.SomeSignature)) {
      if (signature.comment?.getTag("@since")) delete signature.comment;
    }
    await application.generateOutputs(project);
    const found = { "api.md": INDEX, "options.md": await optionsPage() };
    for (const [name, [entry]] of Object.entries(ENTRIES)) {
      const text = readFileSync(join(folder, `${name}.md`), "utf8");
      found[`api/${name}.md`] = text.replace(/^# .*/, `# ${entry}`).replace(/[ \t]+$/gm, "");
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws a Failure if the pages in docs are not what the types give now. */
export async function checkDocs() {
  for (const [path, text] of Object.entries(await pages())) {
    const file = `${root}/docs/${path}`;
    if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
      throw new Failure(`docs/${path} is not what the types give: run "npm run docs" and commit it`);
    }
  }
}

await main(import.meta.url, async () => {
  // The table of options is read from what is built.
  await build();
  mkdirSync(`${root}/docs/api`, { recursive: true });
  for (const [path, text] of Object.entries(await pages())) writeFileSync(`${root}/docs/${path}`, text);
});
