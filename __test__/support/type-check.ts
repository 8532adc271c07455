// Type-checks pieces of TypeScript as an application would have them, against the types of the built package.

import { join } from "node:path";
import ts from "typescript";
import { root } from "./documents.js";

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"],
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
};

/** What the samples take from packages that are not installed here. */
const STAND_INS = {
  "next.d.ts": 'declare module "next" { export interface NextConfig { [setting: string]: unknown } }',
};

/** The errors in `files`, given by a name of one's own with `.ts` or `.tsx`: name to messages. They are never written anywhere. */
export function typeErrors(files: Record<string, string>): Record<string, string[]> {
  // In the package's folder, so that it finds itself by its name, as its "exports" say.
  const folder = join(root, "__snippets__");
  const paths = new Map(
    Object.entries({ ...files, ...STAND_INS }).map(([name, code]) => [join(folder, name), { name, code }]),
  );
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile, directoryExists } = host;
  // They may import each other, from folders that are nowhere.
  host.directoryExists = (path) => path.startsWith(folder) || (directoryExists?.(path) ?? true);
  host.fileExists = (path) => paths.has(path) || fileExists(path);
  host.readFile = (path) => paths.get(path)?.code ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const found = paths.get(path);
    return found ? ts.createSourceFile(path, found.code, rest[0], true) : getSourceFile(path, ...rest);
  };
  const program = ts.createProgram([...paths.keys()], OPTIONS, host);
  const errors: Record<string, string[]> = {};
  for (const { file, messageText, start = 0 } of ts.getPreEmitDiagnostics(program)) {
    const name = paths.get(file?.fileName ?? "")?.name ?? "elsewhere";
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    errors[name] = [...(errors[name] ?? []), `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`];
  }
  return errors;
}
