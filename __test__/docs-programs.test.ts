// The programs of the documentation, run: each ends by itself, or stays up and serves until it is told to end.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";
import { type Block, blocksOf, documents, root } from "./support/documents.js";
import { closeClients, connected } from "./support/nself.js";

vi.setConfig({ testTimeout: 30_000 });

// In the package's folder, so that it finds itself by its name.
mkdirSync(join(root, ".cache"), { recursive: true });
const folder = mkdtempSync(join(root, ".cache", "programs-"));
afterEach(() => {
  closeClients();
  endChildren();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const imports = ({ code }: Block) => [...code.matchAll(/(?:from|import\() ?"([^"]+)"/g)].map(([, name = ""]) => name);
/** Those for a browser need one, and are tested elsewhere. */
const isForServers = (block: Block) => {
  const names = imports(block);
  const ours = names.some((name) => /^nself-realtime(?:\/next)?$/.test(name));
  return ours && names.every((name) => /^(?:node:\w+|nself-realtime(?:\/next)?)$/.test(name));
};
const programs = documents
  .flatMap(blocksOf)
  .filter((block) => block.language === "ts" && isForServers(block))
  .map((block): [string, Block] => [`${block.document}:${block.line} ${block.path ?? ""}`, block]);

/** Whether it opens a port. */
const serves = ({ code }: Block) => /\blisten\(/.test(code);
/** Whether it opens the real-time server, which what it does then needs. */
const opens = ({ code }: Block) => /\b(?:attach|register|listen|initialize)\(/.test(code);

test("there are programs of both kinds", () => {
  expect(programs.filter(([, block]) => serves(block)).length).toBeGreaterThan(2);
  expect(programs.filter(([, block]) => !serves(block)).length).toBeGreaterThan(10);
});

describe.each(programs)("%s", (name, block) => {
  test(serves(block) ? "stays up and serves until it is told to end" : "ends by itself", async () => {
    const path = join(folder, `${name.replace(/\W+/g, "-")}.mjs`);
    // The port of a program may be taken here.
    const code = block.code.replace(/\bport: \d+/g, "port: 0");
    const { module, target } = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(path, ts.transpileModule(code, { compilerOptions: { module, target } }).outputText);
    const child = start("sample.mjs", [path, String(!opens(block))]);
    const { ports, answers } = (await child.messages.next("its end")) as {
      ports: number[];
      answers: Record<string, number>;
    };
    for (const status of Object.values(answers)) expect(status).toBeLessThan(500);
    if (serves(block)) {
      expect(ports.length).toBeGreaterThan(0);
      const paths =
        /\bnew Server\b/.test(code) && !/\battach\b[^{}]*\} from "nself/.test(code) ? "/socket.io" : "/api/ws";
      for (const port of ports) await connected(port, { path: paths, auth: { token: "t" } });
      child.process.kill("SIGTERM");
      expect(await child.ended()).toEqual({ code: null, signal: "SIGTERM" });
    } else {
      expect(await child.ended()).toEqual({ code: 0, signal: null });
    }
    expect(child.errors()).toBe("");
  });
});
