// Follows a guide literally: the commands and the patches of one section of a document, in their order, in an application's folder.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Block, blocksOf, textOf } from "../../support/documents.js";

/** The blocks of a document's section, which ends at the next heading of its level or the first below it. */
export function sectionOf(document: string, heading: string): Block[] {
  const lines = textOf(document).split("\n");
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`${document} has no "${heading}"`);
  const length = lines.slice(from + 1).findIndex((line) => /^##+ /.test(line));
  const to = length < 0 ? lines.length : from + 1 + length;
  return blocksOf(document).filter(({ line }) => line > from && line <= to);
}

/** The lines of a patch that it adds. */
export const addedBy = ({ code }: Block): string[] =>
  code.split("\n").filter((line) => line.startsWith("+") && !line.startsWith("+++ "));

const text = (lines: string[], without: string) =>
  lines.filter((line) => !line.startsWith(without)).map((line) => `${line.slice(1)}\n`);

/** Applies a patch as a reader does: what is to be changed must be there, once. A file from /dev/null is written as a whole. */
export function applyPatch(folder: string, { code, path = "" }: Block): void {
  const [from = "", , ...lines] = code.split("\n");
  const file = join(folder, path);
  if (from === "--- /dev/null") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text(lines, "-").join(""));
    return;
  }
  if (!existsSync(file)) throw new Error(`the guide changes ${path}, which is not there`);
  let content = readFileSync(file, "utf8");
  for (const hunk of lines.join("\n").split("\n@@\n")) {
    const [before, after] = [text(hunk.split("\n"), "+").join(""), text(hunk.split("\n"), "-").join("")];
    const found = content.split(before);
    if (found.length !== 2) throw new Error(`${path} has ${found.length - 1} times what the guide changes:\n${before}`);
    content = found.join(after);
  }
  writeFileSync(file, content);
}
