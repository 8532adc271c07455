// Skips work that is up to date: a stamp holds a hash of what a step read, and the sizes and times of what it wrote.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./run.mjs";

const SKIP = new Set(["node_modules", ".next", "target", ".git", ".DS_Store", "next-env.d.ts"]);

/** All files under `paths` (files or folders, relative to the root), sorted; what does not exist is left out. */
export function filesOf(paths) {
  const found = [];
  const visit = (path) => {
    if (!existsSync(join(root, path))) return;
    if (!statSync(join(root, path)).isDirectory()) {
      found.push(path);
      return;
    }
    for (const name of readdirSync(join(root, path)).sort()) {
      if (!SKIP.has(name) && !name.endsWith(".tsbuildinfo")) visit(`${path}/${name}`);
    }
  };
  for (const path of paths) visit(path);
  return found;
}

function hash(paths, values) {
  const sum = createHash("sha256").update(`${process.platform} ${process.arch} ${values}`);
  for (const file of filesOf(paths)) sum.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return sum.digest("hex");
}

function describe(outputs) {
  return outputs.map((path) => {
    const full = join(root, path);
    if (!existsSync(full)) return `${path} missing`;
    const { size, mtimeMs } = statSync(full);
    return `${path} ${size} ${mtimeMs}`;
  });
}

/**
 * Runs `work` unless `outputs` are still those that it wrote from the same `inputs` (files) and `values` (text). `force`: runs it in any case.
 */
export async function unlessFresh(name, { inputs, values = "", outputs, force = false }, work) {
  const stamp = join(root, ".cache", "stamps", `${name}.json`);
  const before = hash(inputs, values);
  const complete = outputs.every((path) => existsSync(join(root, path)));
  const fresh = () => readFileSync(stamp, "utf8") === JSON.stringify([before, describe(outputs)]);
  if (!force && complete && existsSync(stamp) && fresh()) return;
  rmSync(stamp, { force: true });
  await work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, JSON.stringify([before, describe(outputs)]));
}
