// What the documentation says is true: code compiles, commands exist, configurations are read by the programs that they are for, every
// error code has its entry, and links lead somewhere.

import { spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type * as Realtime from "../ts/server/index.js";
import { anchorsOf, type Block, blocksOf, documents, linksOf, root, textOf } from "./support/documents.js";
import { typeErrors } from "./support/type-check.js";

const blocks = documents.filter((document) => document !== "docs/api.md").flatMap(blocksOf);
const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));
const where = ({ document, line }: Block) => `${document}:${line}`;
const cases = (found: Block[]) => found.map((block): [string, Block] => [where(block), block]);

test("every block is of a kind that is looked at here", () => {
  // Pictures and trees of folders have no language.
  const known = ["", "ts", "tsx", "json", "sh", "dockerfile", "nginx", "caddyfile", "yaml", "text", "js", "patch"];
  expect(blocks.filter(({ language }) => !known.includes(language)).map(where)).toEqual([]);
  for (const { code } of of("")) expect(code).toMatch(/[─│┌└]|^src\/ /m);
});

describe("TypeScript", () => {
  // Who pastes the README has no more than that; the guide declares own events, which then have to be declared all.
  test.each([
    ["README.md", documents.slice(0, 1), 3],
    ["the pages of docs", documents.slice(1).filter((document) => !document.startsWith("docs/recipes/")), 20],
  ])("of %s compiles as an application's", (_, from, least) => {
    const found = of("ts", "tsx").filter(({ document }) => from.includes(document));
    const files = Object.fromEntries(found.map((block) => [`${where(block)}.${block.language}`, block.code]));
    expect(Object.keys(files).length).toBeGreaterThan(least);
    expect(typeErrors(files)).toEqual({});
  });

  test.each(documents.filter((document) => document.startsWith("docs/recipes/")))(
    "of %s compiles as one application",
    (document) => {
      const found = blocksOf(document).filter(({ language }) => language === "ts" || language === "tsx");
      expect(found.filter(({ path }) => path === undefined).map(where)).toEqual([]);
      expect(typeErrors(Object.fromEntries(found.map(({ path, code }) => [path ?? "", code])))).toEqual({});
    },
  );

  test("own events are checked by name and data once they are declared, on both sides", () => {
    const own = `import { emitEvent, emitToUser } from "nself-realtime";
import { getWebSocketClient } from "nself-realtime/client";
declare module "nself-realtime" { interface OwnEvents { "job:progress": { percent: number } } }
`;
    const line = (code: string) => `${own}${code}`;
    const right = {
      "emit.ts": line('emitEvent("job:progress", { percent: 1 }, ["a", "b"]);'),
      "user.ts": line('emitToUser("ann", "job:progress", { percent: 1 });'),
      "built-in.ts": line('emitEvent("logs:stream", { service: "a", line: "b", timestamp: "t" });'),
      "client.ts": line('getWebSocketClient().on("job:progress", ({ percent }) => percent.toFixed());'),
    };
    const wrong = {
      "name.ts": line('emitEvent("job:progres", { percent: 1 });'),
      "data.ts": line('emitEvent("job:progress", { percent: "1" });'),
      "to.ts": line('emitEvent("job:progress", { percent: 1 }, undefined);'),
      "user-data.ts": line('emitToUser("ann", "job:progress", {});'),
      "client-data.ts": line('getWebSocketClient().on("job:progress", ({ percents }) => percents);'),
    };
    expect(Object.keys(typeErrors({ ...right, ...wrong })).sort()).toEqual(Object.keys(wrong).sort());
    // Until they are declared any name will do.
    expect(typeErrors({ "any.ts": 'import { emitEvent } from "nself-realtime"; emitEvent("x", 1);' })).toEqual({});
  });

  test("would not compile with a wrong name, or a wrong field", () => {
    const wrong = {
      "name.ts": 'import { emitServiceStates } from "nself-realtime";\nemitServiceStates();',
      "field.ts": 'import { emitServiceStatus } from "nself-realtime";\nemitServiceStatus({ service: "a" });',
    };
    expect(Object.keys(typeErrors(wrong)).sort()).toEqual(["field.ts", "name.ts"]);
  });
});

test.each(cases(of("json")))("JSON is JSON: %s", (_, { code }) => {
  expect(() => JSON.parse(code)).not.toThrow();
});

test.each(cases(of("yaml")))("YAML is YAML: %s", (_, { code }) => {
  expect(parseYaml(code)).toBeTypeOf("object");
});

describe("commands", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  const commands = of("sh").flatMap((block) =>
    block.code
      .split("\n")
      .map((line) => line.replace(/\s*#.*/, "").trim())
      .filter((line) => line !== "")
      .map((line): [string, string] => [where(block), line]),
  );
  const inText = documents.flatMap((document) =>
    [...textOf(document).matchAll(/`((?:npm (?:run|test)|npx nself-realtime|node scripts)\b[^`\n]*)`/g)].map(
      ([, command = ""]): [string, string] => [document, command],
    ),
  );

  test.each([...commands, ...inText])("%s: %s", (_, command) => {
    const [program, word, name = ""] = command.replace(/^\w+=\S+ /, "").split(" ");
    if (program === "npm" && word === "run") expect(Object.keys(scripts)).toContain(name);
    else if (program === "npm" && word === "test") expect(Object.keys(scripts)).toContain("test");
    else if (program === "npx" && word === "nself-realtime") expect(["dev", "start", "doctor", "init"]).toContain(name);
    else if (program === "node" && word?.startsWith("scripts/")) expect(existsSync(join(root, word))).toBe(true);
    // Those of the guide for nself-admin are run by a test of their own.
    else expect(command).toMatch(/^(?:npm (?:install|uninstall)|pnpm (?:add|remove)|rm -r) (?:[@\w./-]+ ?)+$/);
  });
});

/** The instructions of a Dockerfile, each on one line. */
const instructions = (code: string) =>
  code
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));

test.each(cases(of("dockerfile")))(
  "a Dockerfile's instructions, stages and commands hold together: %s",
  (_, { code }) => {
    const lines = instructions(code);
    expect(lines[0]).toMatch(/^FROM /);
    const stages = new Set<string>();
    for (const line of lines) {
      expect(line).toMatch(/^(?:FROM|WORKDIR|COPY|RUN|ENV|EXPOSE|USER|CMD) \S/);
      const from = /^COPY --from=(\S+)/.exec(line)?.[1];
      if (from) expect([...stages]).toContain(from);
      const stage = /^FROM \S+ AS (\S+)/.exec(line)?.[1];
      if (stage) stages.add(stage);
      if (line.startsWith("CMD ")) expect(JSON.parse(line.slice(4))).toEqual(["node", "server.js"]);
    }
    expect(lines.filter((line) => line.startsWith("CMD "))).toHaveLength(1);
  },
);

/** Runs a program on a file with this text; undefined where the program is not installed. */
function tryProgram(command: string, args: (file: string) => string[], text: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-config-"));
  try {
    const file = join(folder, "config");
    writeFileSync(file, text);
    const { error, status, stderr } = spawnSync(command, args(file), { encoding: "utf8", cwd: folder });
    if (error) return undefined;
    return status === 0 ? "good" : stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a configuration's lines must look like at least, where its program is not installed. */
function expectBalanced(code: string, line: RegExp) {
  let depth = 0;
  for (const text of code.split("\n").map((each) => each.trim())) {
    if (text === "") continue;
    if (text === "}") depth--;
    else if (text.endsWith("{")) depth++;
    else expect(text).toMatch(line);
    expect(depth).toBeGreaterThanOrEqual(0);
  }
  expect(depth).toBe(0);
}

test.each(cases(of("nginx")))("nginx takes its configuration, where it is installed: %s", (_, { code }) => {
  expectBalanced(code, /^[\w']+( .*)?;$/);
  const text = `pid nginx.pid; error_log stderr; events {} http { access_log off; ${code}\n}`;
  const verdict = tryProgram("nginx", (file) => ["-t", "-q", "-p", ".", "-c", file], text);
  expect([undefined, "good"]).toContain(verdict);
});

test.each(cases(of("caddyfile")))("Caddy takes its configuration, where it is installed: %s", (_, { code }) => {
  expectBalanced(code, /^\w+ \S/);
  const verdict = tryProgram("caddy", (file) => ["adapt", "--adapter", "caddyfile", "--config", file], code);
  expect([undefined, "good"]).toContain(verdict);
});

/** The members of a prototype that throw ERR_UNSUPPORTED. */
function refusedOf(prototype: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([member, { get, value: method }]) => {
    try {
      get?.call({});
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_UNSUPPORTED") return [member];
    }
    return /unsupported\(/.test(String(method)) && !/[#]/.test(String(method)) && member !== "of" ? [member] : [];
  });
}

test("docs/socketio.md names all that is refused", async () => {
  const name: string = "nself-realtime";
  const { Server, Namespace, Socket, BroadcastOperator } = (await import(/* @vite-ignore */ name)) as typeof Realtime;
  const io = new Server();
  const members = [Server, Namespace, Socket, BroadcastOperator].flatMap(({ prototype }) => refusedOf(prototype));
  expect(members).toContain("attachApp");
  expect(members).toContain("serverSideEmit");
  const page = textOf("docs/socketio.md");
  const unsaid = [
    ...members,
    ...refusedOf(Object.getPrototypeOf(io.engine)).filter(
      (member) => !/[Ll]istener|once|off|emit|attach|close/.test(member),
    ),
  ];
  expect(unsaid.filter((member) => !new RegExp(`\\b${member}\\b`).test(page))).toEqual([]);
});

/** The sections of docs/server.md, each with its members, and whether the page says that they are not here. */
function serverPage(): Record<string, Map<string, boolean>> {
  const sections: Record<string, Map<string, boolean>> = {};
  for (const section of textOf("docs/server.md").split(/^## /m).slice(1)) {
    const members = new Map<string, boolean>();
    for (const [, names = "", says = ""] of section.matchAll(/^\| (`(?:[^|\\]|\\.)*) \| (.*) \|$/gm)) {
      for (const [, name = ""] of names.matchAll(/`(?:[\w.]*\.)?(\w+)(?=[(`])/g)) {
        members.set(name, says.startsWith("**not here**"));
      }
    }
    sections[section.split("\n")[0] ?? ""] = members;
  }
  return sections;
}

test("docs/server.md names every member, and says of those that are refused that they are not here", async () => {
  const name: string = "nself-realtime";
  const { Server, Namespace, Socket, BroadcastOperator } = (await import(/* @vite-ignore */ name)) as typeof Realtime;
  const page = serverPage();
  // A server has what a namespace has, and that what a room has.
  const classes: Array<[object, string[]]> = [
    [Server.prototype, ["Server", "Namespace", "Room"]],
    [Namespace.prototype, ["Namespace", "Room"]],
    [BroadcastOperator.prototype, ["Room"]],
    [Socket.prototype, ["Socket"]],
    [Object.getPrototypeOf(new Server().engine), ["Engine"]],
  ];
  const wrong: string[] = [];
  for (const [prototype, sections] of classes) {
    const listed = (member: string) =>
      sections.map((section) => page[section]?.get(member)).find((is) => is !== undefined);
    const refused = new Set(refusedOf(prototype));
    const own = Object.getOwnPropertyNames(prototype).filter((member) => /^(?!constructor$)[a-z]/.test(member));
    for (const member of own) {
      if (member in EventEmitter.prototype && listed(member) === undefined) continue;
      if (listed(member) !== refused.has(member)) {
        wrong.push(`${sections[0]}: ${member} is ${refused.has(member) ? "refused" : "here"}`);
      }
    }
    for (const [member, isRefused] of page[sections[0] ?? ""] ?? []) {
      if (isRefused && member in prototype && !refused.has(member)) wrong.push(`${sections[0]}: ${member} is here now`);
    }
  }
  expect(wrong, "flip these rows of docs/server.md").toEqual([]);
});

describe("error codes", () => {
  /** Every code that a file of these folders names as a string. */
  const named = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:rs|c?ts|tsx)$/.test(name) && !/\.test\.|\/tests\//.test(name))
      .flatMap(
        (name) =>
          readFileSync(join(root, folder, name), "utf8").match(
            /(?<=")(?:ERR|NSELF)_[A-Z_]+(?=")|^ {2}ERR_[A-Z_]+(?=:)/gm,
          ) ?? [],
      )
      .map((code) => code.trim());
  const codes = [...new Set([...named("src"), ...named("ts")])]
    .filter((code) => code !== "NSELF_REALTIME_SHARDS")
    .sort();
  const entries = [...textOf("docs/troubleshooting.md").matchAll(/^### ((?:ERR|NSELF)_[A-Z_]+)$/gm)].map(
    ([, code]) => code,
  );

  test("each of the source has an entry in troubleshooting, and no others have", () => {
    expect(codes).toContain("ERR_INVALID_OPTION");
    expect([...entries].sort()).toEqual(codes);
  });
});

test("README is a door: one screen for each thing, the rest is behind it", () => {
  const lines = textOf("README.md").trimEnd().split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(110);
  expect(lines.length).toBeLessThanOrEqual(130);
});

test("from the start page every page is found", () => {
  const linked = new Set(linksOf("docs/README.md").map(({ target }) => target));
  expect(documents.filter((document) => document.startsWith("docs/") && !linked.has(document))).toEqual([
    "docs/README.md",
  ]);
});

test("figures of the benchmark are those of its results: run npm run bench -- --write", async () => {
  const path: string = "../bench/lib/pages.mjs";
  const { stalePages } = (await import(/* @vite-ignore */ path)) as { stalePages(): string[] };
  expect(stalePages()).toEqual([]);
});

const others = ["SECURITY.md", "CHANGELOG.md", "fuzz/README.md"];
const examples = ["examples/nself-admin/README.md", "examples/chat/README.md"];
test.each([...documents, ...others, ...examples])("links of %s lead somewhere", (document) => {
  for (const { target, anchor } of linksOf(document)) {
    expect(existsSync(join(root, target)), target).toBe(true);
    if (anchor !== undefined && target.endsWith(".md")) expect([...anchorsOf(target)]).toContain(anchor);
  }
});
