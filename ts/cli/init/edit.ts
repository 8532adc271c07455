// Changes of a text at places that its parser found.

import type { AnyNode } from "acorn";
import type { Source } from "../source.js";

export interface Edit {
  at: number;
  text: string;
}

/** A text with others put in. */
export function applied(text: string, edits: Edit[]): string {
  let result = text;
  for (const edit of [...edits].sort((a, b) => b.at - a.at)) {
    result = result.slice(0, edit.at) + edit.text + result.slice(edit.at);
  }
  return result;
}

/** Whether a file writes its modules as CommonJS does. */
export function isCommonJs({ program }: Source): boolean {
  return !program.body.some(({ type }) => /^(?:Import|Export)/.test(type));
}

/** A line after the last import, or else before the first statement that is no directive. */
export function afterImports({ program, text }: Source, line: string): Edit {
  const imports = program.body.filter((node) => node.type === "ImportDeclaration" || isRequire(node));
  const last = imports.at(-1);
  if (last) return { at: last.end, text: `\n${line}` };
  const first = program.body.find((node) => !("directive" in node && node.directive));
  if (!first) return { at: text.length, text: `${line}\n` };
  // Not between a statement and the comment above it.
  const before = text.slice(0, first.start);
  const comment = /(?:^|\n)((?:[ \t]*(?:\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)[ \t]*\n)+)$/.exec(before)?.[1] ?? "";
  // One that is for the whole file stays above.
  const at = /@ts-check|eslint|^#!/.test(comment) ? first.start : first.start - comment.length;
  return { at, text: `${line}\n\n` };
}

function isRequire(node: AnyNode): boolean {
  if (node.type !== "VariableDeclaration") return false;
  return node.declarations.every(
    ({ init }) =>
      init?.type === "CallExpression" && init.callee.type === "Identifier" && init.callee.name === "require",
  );
}
