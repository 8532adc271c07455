// The Markdown files of this repository, and the code blocks in them.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** README.md and the pages that are written by hand, relative to the root. */
export const documents = [
  "README.md",
  ...["docs", "docs/servers", "docs/recipes"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  ),
];

/** The text of a document. */
export function textOf(document: string): string {
  return readFileSync(join(root, document), "utf8");
}

export interface Block {
  document: string;
  /** Where its fence opens. */
  line: number;
  language: string;
  code: string;
  /** The path that its first line, a comment, gives it. */
  path: string | undefined;
}

/** Every fenced block of a document. */
export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; lines: string[] } | undefined;
  for (const [index, line] of textOf(document).split("\n").entries()) {
    const fence = /^```(\w*)$/.exec(line);
    if (!fence) open?.lines.push(line);
    else if (!open) open = { line: index + 1, language: fence[1] ?? "", lines: [] };
    else {
      blocks.push(finished(document, open.line, open.language, open.lines));
      open = undefined;
    }
  }
  if (open) throw new Error(`${document}:${open.line}: the block is never closed`);
  return blocks;
}

/** A diff counts as what it makes of the file, in that file's language; one that names two files is a patch, and stays as it is. */
function finished(document: string, line: number, language: string, lines: string[]): Block {
  if (language === "diff" && lines[0]?.startsWith("--- ")) {
    return { document, line, language: "patch", code: lines.join("\n"), path: lines[1]?.replace(/^\+\+\+ /, "") };
  }
  const kept = language === "diff" ? lines.filter((text) => !text.startsWith("-")).map((text) => text.slice(1)) : lines;
  const path = /^(?:\/\/|#) ([\w./[\]-]+\.\w+|Dockerfile)\b/.exec(kept[0] ?? "")?.[1];
  const diffed = path === "Dockerfile" ? "dockerfile" : path?.split(".").at(-1);
  return { document, line, language: language === "diff" ? (diffed ?? "") : language, code: kept.join("\n"), path };
}

/** Where GitHub's anchors of a document lead: its headings. */
export function anchorsOf(document: string): Set<string> {
  const headings = textOf(document).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Links of a document to other files of this repository, as written. */
export function linksOf(document: string): Array<{ target: string; anchor: string | undefined }> {
  const links = textOf(document).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return [...links].map(([, path = "", anchor]) => ({
    target: path === "" ? document : join(dirname(document), path),
    anchor,
  }));
}
