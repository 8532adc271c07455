// A copy of the example that a test may edit, as `next dev` needs it: with a node_modules folder of its own, made of hard links.

import { cpSync, linkSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { basename } from "node:path";
import { cache, example } from "./paths.js";

function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isDirectory()) link(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  }
}

/** Returns the folder of a fresh copy. */
export function copyExample(name: string): string {
  const folder = `${cache}/${name}`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(example, folder, {
    recursive: true,
    filter: (path) => !["node_modules", ".next", ".next-standalone"].includes(basename(path)),
  });
  link(`${example}/node_modules`, `${folder}/node_modules`);
  return folder;
}

/** Returns the folder of the example's standalone output, with the static files that Next leaves out. */
export function standaloneExample(): string {
  const built = `${example}/.next-standalone`;
  const folder = `${built}/standalone`;
  cpSync(`${built}/static`, `${folder}/.next-standalone/static`, { recursive: true });
  return folder;
}
