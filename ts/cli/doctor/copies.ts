// Copies of our package in the application's node_modules: two versions in one process are an error (ERR_DUPLICATE).

import { type Dirent, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Check, note, ok, problem } from "./check.js";

const NAME = "nself-realtime";

interface Copy {
  folder: string;
  version: string;
}

/** Every copy that code in `folder` or one of its dependencies could load. */
export function checkCopies(folder: string): Check {
  const name = "copies of nself-realtime";
  const copies = findCopies(folder);
  const list = copies.map((copy) => `${copy.version} in ${copy.folder}`).join(", ");
  const [only] = copies;
  if (!only) return problem(name, "none is installed here", `npm install ${NAME}`);
  if (copies.length === 1) return ok(name, `one, ${list}`);
  const mend = `npm ls ${NAME} shows who asks for which: make them ask for one version, then npm dedupe`;
  const versions = new Set(copies.map(({ version }) => version));
  if (versions.size > 1) return problem(name, `${copies.length} versions: ${list}`, mend);
  return note(name, `${copies.length} of one version, of which the first that is loaded serves: ${list}`, mend);
}

function findCopies(folder: string): Copy[] {
  const found = new Map<string, Copy>();
  for (let at = folder; ; at = dirname(at)) {
    visit(join(at, "node_modules"), found);
    if (at === dirname(at)) return [...found.values()];
  }
}

function visit(modules: string, found: Map<string, Copy>): void {
  for (const entry of entries(modules)) {
    const path = join(modules, entry.name);
    // pnpm keeps every package at .pnpm/<name>@<version>/node_modules/<name>, and links elsewhere.
    if (entry.name === ".pnpm") for (const each of entries(path)) visit(join(path, each.name, "node_modules"), found);
    else if (entry.name.startsWith("@")) visit(path, found);
    else if (entry.name === NAME) add(path, found);
    else if (entry.isDirectory() && !entry.name.startsWith(".")) visit(join(path, "node_modules"), found);
  }
}

function entries(folder: string): Dirent[] {
  return existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
}

function add(path: string, found: Map<string, Copy>): void {
  const file = join(path, "package.json");
  if (!existsSync(file)) return;
  const folder = realpathSync(path);
  found.set(folder, { folder, version: (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version });
}
