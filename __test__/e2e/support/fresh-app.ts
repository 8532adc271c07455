// An app as somebody starts it who follows the README: an empty Next app, and the README's own blocks of code pasted into it.

import { cpSync, rmSync } from "node:fs";
import { blocksOf } from "../../support/documents.js";
import { writeFiles } from "./make-app.js";
import { add, type PackageManager } from "./package-managers.js";
import { cache } from "./paths.js";

/** What is there before the README is followed. */
export const EMPTY_APP: Record<string, string> = {
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
  // A boundary for pnpm, which looks for a workspace above.
  "pnpm-workspace.yaml": "packages: []\n",
};

/** What such an app has installed. */
export function dependencies(next: string, react: string): string[] {
  const types = `@types/react@${react.split(".")[0]}`;
  return [`next@${next}`, `react@${react}`, `react-dom@${react}`, "typescript@5.9.3", types, "@types/node@20"];
}

const SET_UP = ["next.config.ts", "instrumentation.ts"];
const ROUTE = "app/api/services/start/route.ts";

export interface Steps {
  /** The files that `init` writes as well. */
  setUp: Record<string, string>;
  /** The route and the component. */
  code: Record<string, string>;
  /** What `npm install` is given. */
  packages: string[];
}

/** The section of the README that is followed: its blocks that name their file, its component, and its command. */
export function steps(): Steps {
  const blocks = blocksOf("README.md");
  const file = (path: string) => blocks.find((block) => block.path === path)?.code;
  const component = blocks.find(({ language }) => language === "tsx")?.code;
  const command = blocks.find(({ code }) => code.startsWith("npm install nself-realtime"))?.code;
  const found = Object.fromEntries([...SET_UP, ROUTE].map((path) => [path, file(path)]));
  for (const [path, text] of Object.entries({ ...found, component, command })) {
    if (text === undefined) throw new Error(`the README has no block for ${path}`);
  }
  const texts = found as Record<string, string>;
  return {
    setUp: Object.fromEntries(SET_UP.map((path) => [path, texts[path] ?? ""])),
    code: { [ROUTE]: texts[ROUTE] ?? "", "app/postgres.tsx": component ?? "" },
    packages: (command ?? "").split("\n")[0]?.split(" ").slice(2) ?? [],
  };
}

/** Makes the app in a new folder, which it returns. Its build is for standalone as well. */
export async function freshApp(manager: PackageManager, registry: string): Promise<string> {
  const folder = `${cache}/fresh-${manager}`;
  rmSync(folder, { recursive: true, force: true });
  const { setUp, code, packages } = steps();
  // The one change: next.config asks for standalone output. And the folder's root is itself, as it has lock files above it.
  const settings = 'output: "standalone", outputFileTracingRoot: process.cwd(), turbopack: { root: process.cwd() }';
  const config = setUp["next.config.ts"]?.replace("NextConfig = {}", `NextConfig = { ${settings} }`) ?? "";
  if (!config.includes(settings)) throw new Error("the README's next.config has another shape");
  writeFiles(folder, { ...EMPTY_APP, ...setUp, ...code, "next.config.ts": config });
  await add(manager, folder, registry, [...dependencies("16.4.6", "19.3.1"), ...packages]);
  return folder;
}

/** The standalone output of a build, with the files that Next leaves to be copied; returns its folder. */
export function standaloneOf(folder: string): string {
  cpSync(`${folder}/.next/static`, `${folder}/.next/standalone/.next/static`, { recursive: true });
  return `${folder}/.next/standalone`;
}
