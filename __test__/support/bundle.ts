// Bundles browser code as an application's bundler does: the built package by its name, for production, minified.

import { resolve } from "node:path";
import { rolldown } from "rolldown";

const ROOT = resolve(import.meta.dirname, "../..");

export interface Bundle {
  code: string;
  /** The files in it, from the root of the repository. */
  files: string[];
  /** What it imports from outside. */
  imports: string[];
}

/** Bundles the module whose text is `source`, except the packages in `external`. */
export async function bundle(source: string, external: string[] = []): Promise<Bundle> {
  const entry = resolve(ROOT, "__test__/entry.tsx");
  const build = await rolldown({
    input: entry,
    external: (name) => external.some((each) => name === each || name.startsWith(`${each}/`)),
    platform: "browser",
    transform: { define: { "process.env.NODE_ENV": '"production"' }, jsx: "react-jsx" },
    // The directive of the hooks' modules means nothing in a bundle of one file.
    onLog: (level, log, report) => {
      if (log.code !== "MODULE_LEVEL_DIRECTIVE") report(level, log);
    },
    plugins: [
      { name: "entry", resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? source : null) },
    ],
  });
  try {
    const { output } = await build.generate({ format: "esm", minify: true });
    if (output.length !== 1) throw new Error("the bundle is more than one file");
    const files = output[0].moduleIds.map((id) => id.slice(ROOT.length + 1)).filter((id) => !id.endsWith("entry.tsx"));
    return { code: output[0].code, files, imports: output[0].imports };
  } finally {
    await build.close();
  }
}
