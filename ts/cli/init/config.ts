// Wraps what next.config exports in withRealtime.

import type { AnyNode } from "acorn";
import { assigned, calls, importsOf, type Source } from "../source.js";
import { afterImports, applied, type Edit, isCommonJs } from "./edit.js";

const MODULE = "nself-realtime/next";

/** The text of a next.config for an application that has none. */
export const NEW_CONFIG = `import { withRealtime } from "${MODULE}";

export default withRealtime({});
`;

/** The wrapped text; the same text if it is wrapped already; undefined if its export cannot be found. */
export function wrapConfig(source: Source): string | undefined {
  const { program, text } = source;
  if (importsOf(source).has(MODULE) && calls(source, "withRealtime")) return text;
  for (const node of program.body) {
    const value = exported(node);
    if (!value) continue;
    const line = isCommonJs(source)
      ? `const { withRealtime } = require("${MODULE}");`
      : `import { withRealtime } from "${MODULE}";`;
    return applied(text, [...wrap(value), afterImports(source, line)]);
  }
  return undefined;
}

/** The value that a statement exports as the configuration. */
function exported(node: AnyNode): AnyNode | undefined {
  if (node.type === "ExportDefaultDeclaration") return node.declaration;
  // module.exports = …, exports.default = …
  return assigned(node, "module", "exports") ?? assigned(node, "exports", "default");
}

function wrap(value: AnyNode): Edit[] {
  // A declaration, which becomes an expression, has no semicolon.
  const end = value.type === "FunctionDeclaration" ? ");" : ")";
  return [
    { at: value.start, text: "withRealtime(" },
    { at: value.end, text: end },
  ];
}
