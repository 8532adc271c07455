// What the tests install from npm, kept between runs in the cache folder.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cache, fixtures, tarballs } from "./paths.js";

/** Installs `packages` (exact versions, or tarballs) in `folder`, unless just these are there. Runs none of their scripts. */
function install(folder: string, packages: string[]): void {
  const sum = createHash("sha256");
  for (const name of packages) sum.update(name.endsWith(".tgz") ? readFileSync(name) : name);
  const wanted = sum.digest("hex");
  const stamp = `${folder}/.installed`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  rmSync(stamp, { force: true });
  mkdirSync(folder, { recursive: true });
  // A folder of its own for npm, which would go up to the repository's otherwise.
  if (!existsSync(`${folder}/package.json`)) writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
  const args = [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--no-package-lock",
    ...packages,
  ];
  const { status, stderr } = spawnSync("npm", args, {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm install ${packages.join(" ")} failed:\n${stderr}`);
  writeFileSync(stamp, wanted);
}

/** Returns the folder of the app in fixtures/app with this version of Next and the packed package. */
export function installApp(next: string, react: string): string {
  const folder = `${cache}/next-${next}`;
  const types = ["typescript@5.9.3", "@types/node@20", `@types/react@${react.split(".")[0]}`];
  const packages = [`next@${next}`, `react@${react}`, `react-dom@${react}`, "socket.io-client@4.8.3", ...types];
  install(folder, [...packages, ...tarballs]);
  rmSync(`${folder}/.next`, { recursive: true, force: true });
  cpSync(`${fixtures}/app`, folder, { recursive: true });
  return folder;
}

/** Returns a new folder in which the packed package and others are installed. */
export function installWith(name: string, packages: string[]): string {
  const folder = `${cache}/${name}`;
  install(folder, [...packages, ...tarballs]);
  return folder;
}

/** Returns a folder in which the packed package is installed, beside the program fixtures/listen.mjs. */
export function installProgram(): string {
  const folder = `${cache}/program`;
  install(folder, tarballs);
  cpSync(`${fixtures}/listen.mjs`, `${folder}/listen.mjs`);
  return folder;
}

/** Returns the folder of a package that is used as a program, given as `name@version`. */
export function installTool(tool: string): string {
  const folder = `${cache}/${tool}`;
  install(folder, [tool]);
  return `${folder}/node_modules/${tool.split("@")[0]}`;
}

/** Returns the binary of another version of Node, which npm packages carry. */
export function installNode(version: string): string {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const folder = `${cache}/node-${version}`;
  install(folder, [`${name}@${version}`]);
  return `${folder}/node_modules/${name}/bin/node`;
}
