// The programs of the documentation, run: each ends by itself, or stays up and serves until it is told to end.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";
import { type Block, blocksOf, documents, root, textOf } from "./support/documents.js";
import { client, closeClients, connected, event } from "./support/nself.js";

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

/** Starts a program; gives the child, its ports, and what its routes answered. */
async function startProgram(name: string, block: Block) {
  const path = join(folder, `${name.replace(/\W+/g, "-")}.mjs`);
  // The port of a program may be taken here.
  const code = block.code.replace(/\bport: \d+/g, "port: 0");
  const { module, target } = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  writeFileSync(path, ts.transpileModule(code, { compilerOptions: { module, target } }).outputText);
  const child = start("sample.mjs", [path, String(!opens(block))]);
  const said = await child.messages.next("its end");
  return { child, ...(said as { ports: number[]; answers: Record<string, number> }) };
}

describe.each(programs)("%s", (name, block) => {
  test(serves(block) ? "stays up and serves until it is told to end" : "ends by itself", async () => {
    const { child, ports, answers } = await startProgram(name, block);
    for (const status of Object.values(answers)) expect(status).toBeLessThan(500);
    if (serves(block)) {
      expect(ports.length).toBeGreaterThan(0);
      const { code } = block;
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

describe("docs/server.md: a client sees what the sample says", () => {
  const path = "/socket.io";
  /** Starts the first sample of a section. */
  async function sample(section: string) {
    const heading = textOf("docs/server.md").split("\n").indexOf(`## ${section}`) + 1;
    const block = blocksOf("docs/server.md").find(({ language, line }) => language === "ts" && line > heading);
    if (heading === 0 || !block) throw new Error(`docs/server.md has no sample in ${section}`);
    const { ports, child } = await startProgram(`server-${section}`, block);
    return { port: ports[0] ?? 0, child };
  }

  test("Server", async () => {
    const { port } = await sample("Server");
    const [ann, bob] = [await connected(port, { path }), await connected(port, { path })];
    const said = event(bob, "said");
    ann.emit("say", "hello");
    expect(await said).toBe("hello");
  });

  test("Namespace", async () => {
    const { port } = await sample("Namespace");
    const url = `http://127.0.0.1:${port}/admin`;
    const refused = await event(client(url, { path }), "connect_error");
    expect(refused).toMatchObject({ message: "not allowed", data: { retry: false } });
    expect(await event(client(url, { path, auth: { token: "secret" } }), "here")).toBe(1);
  });

  test("Room", async () => {
    const { port } = await sample("Room");
    const ann = await connected(port, { path, auth: { user: "ann" } });
    const [joined, tick] = [event(ann, "joined"), event(ann, "tick")];
    const bob = await connected(port, { path, auth: { user: "bob" } });
    expect(await joined).toBe(bob.id);
    expect(await tick).toBeTypeOf("number");
  });

  test("Socket", async () => {
    const { port, child } = await sample("Socket");
    const ann = client(port, { path });
    ann.on("question", (_text: string, answer: (text: string) => void) => answer("yes"));
    await event(ann, "connect");
    expect(await ann.emitWithAck("double", 21)).toBe(42);
    expect([await child.lines.next("the answer"), await child.lines.next("the event")].sort()).toEqual([
      "double 2",
      "yes",
    ]);
    ann.disconnect();
    expect(await child.lines.next("the end")).toMatch(/ client namespace disconnect /);
  });

  test("Types", async () => {
    const { port } = await sample("Types");
    const ann = await connected(port, { path, auth: { user: "ann" } });
    const said = new Promise((resolve) => ann.once("said", (...args) => resolve(args)));
    expect(await ann.emitWithAck("say", "hello")).toBe(true);
    expect(await said).toEqual(["ann", "hello"]);
    expect(await ann.emitWithAck("say", 7)).toBe(false);
  });
});
