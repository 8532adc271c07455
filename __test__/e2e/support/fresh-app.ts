// An app as somebody starts it who follows the README and the guide: an empty Next app, and their own blocks of code pasted into it.

import { cpSync, rmSync } from "node:fs";
import { type Block, blocksOf } from "../../support/documents.js";
import { writeFiles } from "./make-app.js";
import { add, type PackageManager } from "./package-managers.js";
import { cache } from "./paths.js";

/** What is there before they are followed. */
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
const COMPONENT = "app/postgres.tsx";

export interface Steps {
  /** The files that `init` writes as well. */
  setUp: Record<string, string>;
  /** The route and the component. */
  code: Record<string, string>;
  /** What `npm install` is given. */
  packages: string[];
}

/** The README's set-up, the guide's first route and component, and the command of the page for installing. */
export function steps(): Steps {
  const blocks = ["README.md", "docs/guide.md", "docs/installing.md"].flatMap(blocksOf);
  const text = (what: string, found: Block | undefined) => {
    if (!found) throw new Error(`the documentation has no block for ${what}`);
    return found.code;
  };
  // The first of a name: the README's comes before the guide's.
  const file = (path: string) => [
    path,
    text(
      path,
      blocks.find((block) => block.path === path),
    ),
  ];
  const install = "npm install nself-realtime";
  const command = text(
    install,
    blocks.find(({ code }) => code.startsWith(install)),
  );
  return {
    setUp: Object.fromEntries(SET_UP.map(file)),
    code: Object.fromEntries([ROUTE, COMPONENT].map(file)),
    packages: command.split("\n")[0]?.split(" ").slice(2) ?? [],
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
  if (!config.includes(settings)) throw new Error("the documentation's next.config has another shape");
  writeFiles(folder, { ...EMPTY_APP, ...setUp, ...code, "next.config.ts": config });
  await add(manager, folder, registry, [...dependencies("16.4.6", "19.3.1"), ...packages]);
  return folder;
}

/** The standalone output of a build, with the files that Next leaves to be copied; returns its folder. */
export function standaloneOf(folder: string): string {
  cpSync(`${folder}/.next/static`, `${folder}/.next/standalone/.next/static`, { recursive: true });
  return `${folder}/.next/standalone`;
}
