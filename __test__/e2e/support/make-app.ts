// A Next application of a test's own files, with a version of Next that is installed once for all tests.

import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Block, blocksOf } from "../../support/documents.js";
import { linkModules } from "./app-copy.js";
import { installApp } from "./install.js";
import { cache } from "./paths.js";

/** Versions of Next that are supported, each with a React of its time. */
export const NEXT = {
  "14.2.35": "18.3.1",
  "15.5.29": "19.3.1",
  "16.4.6": "19.3.1",
} as const;

export const LAYOUT = `export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body>{children}</body></html>;
}
`;

export const PAGE = `export default function Page() {
  return <p>page</p>;
}
`;

/** What nearly every test's application has. */
export const BASICS: Record<string, string> = {
  "app/layout.tsx": LAYOUT,
  "app/page.tsx": PAGE,
  "next.config.mjs": 'import { withRealtime } from "nself-realtime/next";\nexport default withRealtime({});\n',
  "instrumentation.ts": 'export { register } from "nself-realtime";\n',
  "app/api/emit/route.ts": `import { emitServiceStatus } from "nself-realtime";
export async function POST() {
  return Response.json({ success: emitServiceStatus({ service: "postgres", status: "running", timestamp: "t" }) });
}
`,
};

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(`${folder}/${path}`), { recursive: true });
    writeFileSync(`${folder}/${path}`, text);
  }
}

/** Makes the application in a new folder, which it returns. */
export function makeApp(name: string, next: keyof typeof NEXT, files: Record<string, string>): string {
  const folder = `${cache}/${name}`;
  rmSync(folder, { recursive: true, force: true });
  const installed = installApp(next, NEXT[next]);
  mkdirSync(folder, { recursive: true });
  cpSync(`${installed}/package.json`, `${folder}/package.json`);
  linkModules(installed, folder);
  writeFiles(folder, files);
  return folder;
}

/** The block of a document that names its file so. */
export function documented(document: string, path: string): string {
  const block = blocksOf(document).find((each: Block) => each.path === path);
  if (!block) throw new Error(`${document} has no block for ${path}`);
  return block.code;
}
