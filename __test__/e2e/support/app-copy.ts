// A copy of the example that a test may edit, as `next dev` needs it: with a node_modules folder of its own, made of hard links.

import { execFileSync } from "node:child_process";
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

/** Gives a folder the packages of another. */
export function linkModules(from: string, to: string): void {
  link(`${from}/node_modules`, `${to}/node_modules`);
}

/** Returns the folder of a fresh copy. */
export function copyExample(name: string): string {
  const folder = `${cache}/${name}`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(example, folder, {
    recursive: true,
    filter: (path) => !["node_modules", ".next"].includes(basename(path)),
  });
  linkModules(example, folder);
  return folder;
}

/** Where {@link buildStandalone} puts its copy. */
const STANDALONE = "standalone";

/** Builds a copy of the example with standalone output, and adds the static files that Next leaves out. */
export function buildStandalone(): void {
  const folder = copyExample(STANDALONE);
  execFileSync(process.execPath, ["node_modules/next/dist/bin/next", "build"], {
    cwd: folder,
    env: { ...process.env, NEXT_STANDALONE: "1", NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  cpSync(`${folder}/.next/static`, `${folder}/.next/standalone/.next/static`, { recursive: true });
}

/** The folder of the standalone output: what an image would hold. */
export const standaloneFolder = `${cache}/${STANDALONE}/.next/standalone`;
