// Has instrumentation.ts start the server.

import type { AnyNode, FunctionDeclaration, FunctionExpression } from "acorn";
import { exportOf, isNamed, type Source } from "../source.js";
import { afterImports, applied } from "./edit.js";

/** All that an instrumentation.ts needs. */
export const NEW_INSTRUMENTATION = 'export { register } from "nself-realtime";\n';

const IMPORT = 'import { register as registerRealtime } from "nself-realtime";';

/** The text with the server in it; undefined if its `register` is in another file, or written in a way that is not known. */
export function addRegister(source: Source): string | undefined {
  const { text } = source;
  const found = exportOf(source, "register");
  if (!found) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${NEW_INSTRUMENTATION}`;
  const body = bodyOf(source, found);
  if (!body) return undefined;
  const indent = /\n([ \t]+)\S/.exec(text.slice(body.start))?.[1] ?? "  ";
  return applied(text, [{ at: body.start + 1, text: `\n${indent}registerRealtime();` }, afterImports(source, IMPORT)]);
}

/** The body, in braces, of the function that is exported as `register`. */
function bodyOf({ program }: Source, statement: AnyNode): AnyNode | undefined {
  if (statement.type !== "ExportNamedDeclaration" || statement.source) return undefined;
  const local = statement.specifiers.find(({ exported }) => isNamed(exported, "register"))?.local;
  const name = local?.type === "Identifier" ? local.name : "register";
  for (const node of [statement.declaration, ...program.body]) {
    if (node?.type === "FunctionDeclaration" && node.id && isNamed(node.id, name))
      return (node as FunctionDeclaration).body;
    if (node?.type !== "VariableDeclaration") continue;
    const init = node.declarations.find(({ id }) => isNamed(id, name))?.init;
    if (init?.type === "FunctionExpression") return (init as FunctionExpression).body;
    if (init?.type === "ArrowFunctionExpression" && init.body.type === "BlockStatement") return init.body;
  }
  return undefined;
}
