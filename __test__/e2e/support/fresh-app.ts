// An app as somebody starts it who follows the README: an empty Next app, and the README's own blocks of code pasted into it.

import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { blocksOf } from "../../support/documents.js";
import { add, type PackageManager } from "./package-managers.js";
import { cache } from "./paths.js";

const EMPTY_APP: Record<string, string> = {
  "package.json": '{ "name": "fresh", "private": true }\n',
  "app/layout.tsx": `export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body>{children}</body></html>;
}
`,
  "app/page.tsx": `import { Postgres } from "./postgres";
export default function Page() {
  return <Postgres />;
}
`,
};

const DEPENDENCIES = [
  "next@16.4.6",
  "react@19.3.1",
  "react-dom@19.3.1",
  "typescript@5.9.3",
  "@types/react@19",
  "@types/node@20",
];

/** The section of the README that is followed: its blocks that name their file, its component, and its command. */
function steps() {
  const blocks = blocksOf("README.md");
  const component = blocks.find(({ language }) => language === "tsx");
  const command = blocks.find(({ code }) => code.startsWith("npm install nself-realtime"))?.code;
  if (!component || !command) throw new Error("the README has no component, or no command that installs");
  const files: Record<string, string> = { "app/postgres.tsx": component.code };
  for (const { path, code } of blocks) if (path) files[path] = code;
  for (const path of ["next.config.ts", "instrumentation.ts", "app/api/services/start/route.ts"]) {
    if (!(path in files)) throw new Error(`the README has no block for ${path}`);
  }
  return { files, packages: command.split(" ").slice(2) };
}

/** Makes the app in a new folder, which it returns. Its build is for standalone as well. */
export async function freshApp(manager: PackageManager, registry: string): Promise<string> {
  const folder = `${cache}/fresh-${manager}`;
  rmSync(folder, { recursive: true, force: true });
  const { files, packages } = steps();
  // The one change: next.config asks for standalone output. And the folder's root is itself, as it has lock files above it.
  const config = files["next.config.ts"]?.replace(
    "withRealtime({",
    'withRealtime({ output: "standalone", outputFileTracingRoot: process.cwd(), turbopack: { root: process.cwd() },',
  );
  for (const [path, text] of Object.entries({ ...EMPTY_APP, ...files, "next.config.ts": config ?? "" })) {
    mkdirSync(dirname(`${folder}/${path}`), { recursive: true });
    writeFileSync(`${folder}/${path}`, text);
  }
  // A boundary for pnpm, which looks for a workspace above.
  writeFileSync(`${folder}/pnpm-workspace.yaml`, "packages: []\n");
  await add(manager, folder, registry, [...DEPENDENCIES, ...packages]);
  return folder;
}

/** The standalone output of a build, with the files that Next leaves to be copied; returns its folder. */
export function standaloneOf(folder: string): string {
  cpSync(`${folder}/.next/static`, `${folder}/.next/standalone/.next/static`, { recursive: true });
  return `${folder}/.next/standalone`;
}
