// Programs with Socket.IO's types: each compiles with socket.io, and with this package when only the import changes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./support/documents.js";
import { typeErrors } from "./support/type-check.js";

const folder = join(root, "__test__/types");
const files = readdirSync(folder);
const programs = files.filter((name) => name !== "support.ts");

const read = (name: string) => readFileSync(join(folder, name), "utf8");

/** All programs with the types of `module`. */
function errors(module: string): Record<string, string[]> {
  const code = (name: string) => read(name).replaceAll('from "socket.io"', `from "${module}"`);
  return typeErrors(Object.fromEntries(files.map((name) => [name, code(name)])));
}

describe("programs with types", () => {
  it.each(["socket.io", "nself-realtime"])("compile with %s", (module) => {
    expect(errors(module)).toEqual({});
  });

  it("are many, and say what must not compile", () => {
    expect(programs.length).toBeGreaterThan(2);
    expect(programs.some((name) => read(name).includes("@ts-expect-error"))).toBe(true);
  });
});
