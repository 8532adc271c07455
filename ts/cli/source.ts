// JavaScript and TypeScript of an application, parsed: what its modules import, export and call.

import { existsSync, readFileSync } from "node:fs";
import { tsPlugin } from "@sveltejs/acorn-typescript";
import { type AnyNode, Parser, type Program } from "acorn";

export interface Source {
  text: string;
  program: Program;
}

const TypeScript = Parser.extend(tsPlugin() as unknown as (base: typeof Parser) => typeof Parser);
const TypeScriptWithJsx = Parser.extend(tsPlugin({ jsx: {} }) as unknown as (base: typeof Parser) => typeof Parser);

/** A file, parsed; undefined if it is not there. Throws a SyntaxError that names the file. */
export function readSource(file: string): Source | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  // Only TypeScript has casts that look like JSX.
  const parser = /\.[cm]?ts$/.test(file) ? TypeScript : TypeScriptWithJsx;
  const options = { ecmaVersion: "latest", allowReturnOutsideFunction: true, locations: true } as const;
  try {
    return { text, program: parser.parse(text, { ...options, sourceType: "module", allowAwaitOutsideFunction: true }) };
  } catch (error) {
    try {
      return { text, program: parser.parse(text, { ...options, sourceType: "script" }) };
    } catch {
      throw new SyntaxError(`${file} cannot be parsed: ${(error as Error).message}`);
    }
  }
}

/** Every node of a tree, each before those in it. */
export function* nodesOf(node: AnyNode): Generator<AnyNode> {
  yield node;
  for (const value of Object.values(node)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (typeof item?.type === "string") yield* nodesOf(item as AnyNode);
    }
  }
}

/** Whether a declaration of TypeScript leaves nothing behind: `import type`, `export type`. */
function isType(node: AnyNode): boolean {
  const { importKind, exportKind } = node as { importKind?: string; exportKind?: string };
  return importKind === "type" || exportKind === "type";
}

/** The names of all modules that a file imports: by import, export … from, import() or require(). */
export function importsOf({ program }: Source): Set<string> {
  const found = new Set<string>();
  for (const node of nodesOf(program)) {
    if (isType(node)) continue;
    const isRequire =
      node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.name === "require";
    const source = isRequire ? node.arguments[0] : (node as { source?: AnyNode | null }).source;
    if (source?.type === "Literal" && typeof source.value === "string") found.add(source.value);
  }
  return found;
}

/** Whether a function of this name is called, by itself or as a method. */
export function calls({ program }: Source, name: string): boolean {
  for (const node of nodesOf(program)) {
    if (node.type !== "CallExpression") continue;
    const { callee } = node;
    if (callee.type === "Identifier" && callee.name === name) return true;
    if (callee.type === "MemberExpression" && isNamed(callee.property, name)) return true;
  }
  return false;
}

/** Whether a class whose name ends so is constructed. */
export function constructs({ program }: Source, end: string): boolean {
  for (const node of nodesOf(program)) {
    if (node.type !== "NewExpression") continue;
    const { callee } = node;
    const name = callee.type === "MemberExpression" ? callee.property : callee;
    if (name.type === "Identifier" && name.name.endsWith(end)) return true;
  }
  return false;
}

export function isNamed(node: AnyNode, name: string): boolean {
  return (node.type === "Identifier" && node.name === name) || (node.type === "Literal" && node.value === name);
}

/** The statement that exports a name; also one that exports all of another module. */
export function exportOf({ program }: Source, name: string): AnyNode | undefined {
  return program.body.find((node) => {
    if (isType(node)) return false;
    if (node.type === "ExportAllDeclaration") return !node.exported;
    if (node.type === "ExportNamedDeclaration") {
      const { declaration, specifiers } = node;
      if (specifiers.some(({ exported }) => isNamed(exported, name))) return true;
      if (declaration?.type === "FunctionDeclaration") return isNamed(declaration.id, name);
      return (
        declaration?.type === "VariableDeclaration" && declaration.declarations.some(({ id }) => isNamed(id, name))
      );
    }
    return assigned(node, "exports", name) !== undefined;
  });
}

/** What a statement assigns to `<object>.<name>`, or to `module.exports.<name>`; undefined if it does not. */
export function assigned(node: AnyNode, object: string, name: string): AnyNode | undefined {
  if (node.type !== "ExpressionStatement" || node.expression.type !== "AssignmentExpression") return undefined;
  const { left, right } = node.expression;
  if (left.type !== "MemberExpression" || !isNamed(left.property, name)) return undefined;
  const owner = left.object.type === "MemberExpression" ? left.object.property : left.object;
  return isNamed(owner, object) ? right : undefined;
}
