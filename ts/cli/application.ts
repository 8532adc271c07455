// Where the files of a Next application are that matter here.

import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { importsOf, readSource } from "./source.js";

const CODE = ["ts", "js", "mts", "mjs", "cts", "cjs", "tsx", "jsx"];

/** The first of these files in a folder, as a path from there. */
function firstOf(folder: string, stem: string, ends: string[]): string | undefined {
  return ends.map((end) => `${stem}.${end}`).find((name) => existsSync(join(folder, name)));
}

/** next.config, as a path from the application's folder. */
export function configFile(folder: string): string | undefined {
  return firstOf(folder, "next.config", ["js", "mjs", "ts", "mts", "cjs"]);
}

/** Where Next looks for instrumentation.ts, from the application's folder: beside `app` and `pages`, "" or "src/". */
export function conventionFolder(folder: string): "" | "src/" {
  const has = (path: string) => existsSync(join(folder, path));
  return !has("app") && !has("pages") && (has("src/app") || has("src/pages")) ? "src/" : "";
}

export interface Instrumentation {
  /** The one that Next takes. */
  used?: string;
  /** One that is in the other folder, where Next may leave it out of the build without a word. */
  misplaced?: string;
}

/** The application's instrumentation.ts or .js, as paths from its folder. */
export function instrumentation(folder: string): Instrumentation {
  const right = conventionFolder(folder);
  const used = firstOf(folder, `${right}instrumentation`, ["ts", "js", "tsx", "jsx", "mts", "mjs"]);
  const misplaced = firstOf(folder, `${right === "" ? "src/" : ""}instrumentation`, [
    "ts",
    "js",
    "tsx",
    "jsx",
    "mts",
    "mjs",
  ]);
  return { ...(used && { used }), ...(misplaced && { misplaced }) };
}

/** What the misplaced file should be told, for the command's own output. */
export function misplacedMessage(folder: string, file: string): string {
  const right = `${conventionFolder(folder)}${file.replace("src/", "")}`;
  const beside = right.startsWith("src/") ? "src/app or src/pages" : "app or pages";
  return `${file} is not beside ${beside}, where Next looks for it: \`next build --webpack\` drops it without a word. Move it to ${right}`;
}

/** A custom server, as a path from the application's folder, if there is one. */
export function customServer(folder: string): string | undefined {
  return firstOf(folder, "server", CODE) ?? firstOf(folder, "src/server", CODE);
}

/** The files below pages/api and src/pages/api. */
export function apiPages(folder: string): string[] {
  return ["pages/api", "src/pages/api"].flatMap((api) => {
    const path = join(folder, api);
    if (!existsSync(path)) return [];
    const names = readdirSync(path, { recursive: true, encoding: "utf8" });
    return names.filter((name) => CODE.some((end) => name.endsWith(`.${end}`))).map((name) => `${api}/${name}`);
  });
}

/** Whether a file, or one that it imports by its path, imports a package. Paths are from the application's folder. */
export function reaches(folder: string, file: string, name: string, seen = new Set<string>()): boolean {
  if (seen.has(file) || seen.size > 200) return false;
  seen.add(file);
  const source = readSource(join(folder, file));
  if (!source) return false;
  const imports = [...importsOf(source)];
  if (imports.some((each) => each === name || each.startsWith(`${name}/`))) return true;
  return imports.some((each) => {
    const target = ownFile(folder, file, each);
    return target !== undefined && reachesFrom(folder, target, name, seen);
  });
}

/** The same for a file on the way, which is not looked into if it cannot be parsed. */
function reachesFrom(folder: string, file: string, name: string, seen: Set<string>): boolean {
  try {
    return reaches(folder, file, name, seen);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** The application's file that a relative import, or one by the alias `@/`, means. */
function ownFile(folder: string, from: string, name: string): string | undefined {
  const stems = name.startsWith("@/")
    ? [name.slice(2), `src/${name.slice(2)}`]
    : /^\.\.?\//.test(name)
      ? [join(dirname(from), name)]
      : [];
  for (const stem of stems) {
    // TypeScript's own imports name the file that it becomes.
    const bare = stem.replace(/\.[cm]?js$/, "");
    const found = [stem, ...[bare, `${bare}/index`].flatMap((each) => CODE.map((end) => `${each}.${end}`))].find(
      (path) => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile(),
    );
    if (found) return found;
  }
  return undefined;
}
