// The command `nself-realtime`: how it runs Next, which is a stand-in here, and what its doctor finds.

import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Child, endChildren, start } from "./support/child.js";
import { binaryPath, type Installation, installation } from "./support/installation.js";
import { closeClients, connected, event } from "./support/nself.js";

let app: Installation;
beforeEach(() => {
  app = installation();
});
afterEach(() => {
  closeClients();
  endChildren();
  app.remove();
});

async function lineWith(child: Child, part: string): Promise<string> {
  for (;;) {
    const line = await child.lines.next(`a line with "${part}"`);
    if (line.includes(part)) return line;
  }
}

describe.each(["dev", "start"])("%s", (command) => {
  test("runs Next with its own options and the server on its port, and says where clients connect", async () => {
    const child = start(app.command, [command, "-p", "0", "--turbopack"], { cwd: app.folder });
    const line = await lineWith(child, "nself-realtime:");
    const [, port] = /^nself-realtime: Socket\.IO clients connect to http:\/\/127\.0\.0\.1:(\d+)\/api\/ws$/.exec(line)!;
    expect(await lineWith(child, "next [")).toBe(
      `next ${JSON.stringify([command, "-p", "0", "--turbopack"])} on ${port}`,
    );

    const socket = await connected(Number(port));
    const gone = event(socket, "disconnect");
    child.process.kill("SIGTERM");
    await gone;
    expect(await lineWith(child, "next closes")).toBe("next closes");
    expect(await child.ended()).toEqual({ code: 7, signal: null });
  });
});

describe("a standalone build", () => {
  // As Next's: instrumentation.ts runs with the first request.
  const server = `process.env.__NEXT_PRIVATE_STANDALONE_CONFIG = "{}";
    const server = require("node:http").createServer(async (request, response) => {
      (await import("nself-realtime")).register({ path: "/live" });
      response.end("page");
    });
    server.listen(+process.env.PORT, process.env.HOSTNAME, () => {
      console.log("arguments " + JSON.stringify([process.argv.slice(2), process.env.KEEP_ALIVE_TIMEOUT]));
      console.log("port " + server.address().port);
    });`;

  test("is started by its own server, which gets the other arguments, and whose register() gives the path", async () => {
    app.write("build/package.json", {});
    app.write("build/server.js", server);
    app.write("build/.next/required-server-files.json", {});
    app.write("build/.next/server/instrumentation.js", "");
    const child = start(
      app.command,
      ["start", "--verbose", "build", "-p", "0", "--hostname=127.0.0.1", "--keepAliveTimeout", "7000", "--", "build"],
      { cwd: app.folder },
    );
    expect(await lineWith(child, "arguments ")).toBe('arguments [["--verbose","--","build"],"7000"]');
    const port = (await lineWith(child, "port ")).slice("port ".length);
    await fetch(`http://127.0.0.1:${port}/`);
    const line = `nself-realtime: Socket.IO clients connect to http://127.0.0.1:${port}/live`;
    expect(await lineWith(child, "nself-realtime:")).toBe(line);
  });

  test("without instrumentation.ts is refused", async () => {
    app.write("build/package.json", {});
    app.write("build/server.js", server);
    app.write("build/.next/required-server-files.json", {});
    const child = start(app.command, ["start", "build"], { cwd: app.folder });
    expect(await child.ended()).toEqual({ code: 1, signal: null });
    expect(child.errors()).toContain("has no instrumentation.ts");
  });
});

test("without Next it says so", async () => {
  app.write("node_modules/next", null);
  const child = start(app.command, ["start"], { cwd: app.folder });
  expect(await child.ended()).toEqual({ code: 1, signal: null });
  expect(child.errors()).toContain("cannot find next here");
});

/** Runs the command to its end. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [app.command, ...args], {
    cwd: app.folder,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

test.each<[string, string[], RegExp]>([
  ["no command", [], /a command is missing/],
  ["an unknown command", ["stop"], /there is no command "stop"\n/],
  ["a command with a slip", ["docter"], /there is no command "docter"; did you mean "doctor"\?/],
  ["an unknown option", ["doctor", "--jsn"], /there is no option --jsn; did you mean "--json"\?/],
  ["an unknown option of none", ["--verison"], /there is no option --verison; did you mean "--version"\?/],
  ["an option without its value", ["doctor", "--url"], /'--url <value>' argument missing/],
  ["a value that is none", ["doctor", "--json=yes"], /'--json' does not take an argument/],
  ["too many words", ["init", ".", "twice"], /"twice" is one argument too many/],
  ["an option without its other", ["doctor", "--idle"], /--idle goes with --url/],
  ["no URL", ["doctor", "--url", "app.example"], /--url must be an http or https URL/],
])("%s is an error that shows the usage", (_, args, expected) => {
  const { code, stderr } = run(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(expected);
  expect(stderr).toContain("Usage: nself-realtime");
});

test.each([["--help"], ["-h"], ["help"], ["doctor", "--help"], ["init", "-h"]])("%s %s shows the usage", (...args) => {
  expect(run(...args)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: nself-realtime/) });
});

test.each(["--version", "-v"])("%s shows the version", (option) => {
  expect(run(option)).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
});

test("dev says that instrumentation.ts is where Next may not see it", async () => {
  app.write("src/app/page.tsx", "");
  const child = start(app.command, ["dev", "-p", "0"], { cwd: app.folder });
  await lineWith(child, "next [");
  expect(child.errors()).toContain("Move it to src/instrumentation.ts");
});

interface Check {
  name: string;
  status: string;
  found: string;
  mend?: string;
}

function doctor(...args: string[]) {
  const { status, stdout } = spawnSync(process.execPath, [app.command, "doctor", ...args], {
    cwd: app.folder,
    encoding: "utf8",
  });
  return { code: status, stdout };
}

/** What the doctor does not find in order. */
function complaints(): { code: number | null; found: Check[] } {
  const { code, stdout } = doctor("--json");
  const { checks } = JSON.parse(stdout) as { checks: Check[] };
  return { code, found: checks.filter(({ status }) => status !== "ok") };
}

describe("doctor", () => {
  test("finds nothing wrong with a sound installation, in text and JSON", () => {
    expect(complaints()).toEqual({ code: 0, found: [] });
    const { code, stdout } = doctor();
    expect(code).toBe(0);
    expect(stdout).toContain(`✓ native binary: ${process.platform}-${process.arch}, version `);
    expect(stdout).toContain("✓ next: 16.4.6 (needs >=14.2)");
    expect(stdout).toContain("✓ WebSockets: taken over from Node's HTTP server");
    expect(stdout).toMatch(/No problem found\.\n$/);
  });

  test.each<[string, (app: Installation) => void, string, RegExp]>([
    ["an old Next", (app) => app.write("node_modules/next/package.json", { version: "14.1.9" }), "next", /14\.1\.9/],
    ["an old React", (app) => app.write("node_modules/react/package.json", { version: "17.9.0" }), "react", /17\.9\.0/],
    [
      "another major of the client",
      (app) => app.write("node_modules/socket.io-client/package.json", { version: "5.0.0" }),
      "socket.io-client",
      /5\.0\.0, but \^4/,
    ],
    ["a missing binary", (app) => app.write(binaryPath, null), "native binary", /ERR_NATIVE_MISSING/],
    ["a broken binary", (app) => app.write(binaryPath, "no ELF"), "native binary", /ERR_NATIVE_MISSING/],
    ["no next.config", (app) => app.write("next.config.mjs", null), "next.config", /there is none/],
    [
      "a next.config with withRealtime in a comment only",
      (app) => app.write("next.config.mjs", "// withRealtime() of nself-realtime/next\nexport default {};"),
      "next.config",
      /does not call withRealtime/,
    ],
    [
      "an instrumentation.ts without register()",
      (app) => app.write("instrumentation.ts", 'export const x = () => import("nself-realtime");'),
      "start of the server",
      /exports no register/,
    ],
    [
      "a next.config with withRealtime in a text only",
      (app) =>
        app.write("next.config.mjs", "export default { env: { HELP: 'withRealtime() of nself-realtime/next' } }"),
      "next.config",
      /does not call withRealtime/,
    ],
    [
      "a next.config that is no code",
      (app) => app.write("next.config.mjs", "export default {"),
      "next.config",
      /parsed/,
    ],
    [
      "nothing that starts it",
      (app) => app.write("instrumentation.ts", null),
      "start of the server",
      /nothing starts it/,
    ],
    [
      "an instrumentation.ts that has nothing of it",
      (app) => app.write("instrumentation.ts", "// nself-realtime\nexport function register() {}"),
      "start of the server",
      /nothing starts it/,
    ],
    [
      "an instrumentation.ts beside src, where the pages are",
      (app) => app.write("src/app/page.tsx", ""),
      "start of the server",
      /instrumentation\.ts is not beside src\/app .* Move it to src\/instrumentation\.ts/,
    ],
    [
      "an instrumentation.ts in src, where the pages are not",
      (app) => {
        app.write("app/page.tsx", "");
        app.write("src/instrumentation.ts", 'export { register } from "nself-realtime";');
        app.write("instrumentation.ts", "export function register() {}");
      },
      "start of the server",
      /src\/instrumentation\.ts is not beside app/,
    ],
    [
      "two versions",
      (app) => app.addCopy("node_modules/@scope/widgets/node_modules", "0.0.9"),
      "copies of nself-realtime",
      /2 versions: .*0\.0\.9 in .*widgets/,
    ],
    [
      "two versions by pnpm",
      (app) => app.addCopy("node_modules/.pnpm/nself-realtime@0.0.8/node_modules", "0.0.8"),
      "copies of nself-realtime",
      /0\.0\.8/,
    ],
  ])("finds %s", (_, harm, name, found) => {
    harm(app);
    expect(complaints()).toEqual({
      code: 1,
      found: [{ name, status: "problem", found: expect.stringMatching(found), mend: expect.stringMatching(/./) }],
    });
    expect(doctor().stdout).toContain(`✗ ${name}: `);
  });

  test.each<[string, Record<string, string>]>([
    [
      "without semicolons",
      { "instrumentation.ts": 'import { register as go } from "nself-realtime"\nexport function register() { go() }' },
    ],
    [
      "an exported constant",
      { "instrumentation.ts": 'export const register = async () => (await import("nself-realtime")).register()' },
    ],
    [
      "in another file",
      {
        "instrumentation.ts": 'export async function register() { await import("./lib/start") }',
        "lib/start.ts": 'import { register } from "nself-realtime"; register();',
      },
    ],
    [
      "in another file, by the alias",
      {
        "src/app/page.tsx": "",
        "src/instrumentation.ts": 'export { register } from "@/start"',
        "src/start.ts": 'export { register } from "nself-realtime"',
      },
    ],
    ["a custom server", { "server.mjs": 'import { attach } from "nself-realtime";' }],
    ["a custom server in CommonJS", { "server.js": 'const { attach } = require("nself-realtime")' }],
    [
      "a route of pages/api",
      {
        "pages/api/socket.ts":
          'import { Server } from "nself-realtime"\nexport default (_: unknown, res: any) => { res.socket.server.io ??= new Server(res.socket.server) }',
      },
    ],
    ["a script", { "package.json": '{ "scripts": { "dev": "nself-realtime dev" } }' }],
  ])("sees what starts the server: %s", (_, files) => {
    app.write("instrumentation.ts", null);
    for (const [path, text] of Object.entries(files)) app.write(path, text);
    expect(complaints()).toEqual({ code: 0, found: [] });
  });

  test("a route that only emits starts nothing", () => {
    app.write("instrumentation.ts", null);
    app.write(
      "pages/api/emit.ts",
      'import { emitServiceStatus } from "nself-realtime"; export default () => emitServiceStatus;',
    );
    expect(complaints().code).toBe(1);
  });

  test("notes what is not installed, and looks for no Next files without Next", () => {
    for (const name of ["node_modules/next", "next.config.mjs", "instrumentation.ts"]) app.write(name, null);
    expect(complaints()).toEqual({
      code: 0,
      found: [
        { name: "next", status: "note", found: expect.stringContaining("not installed"), mend: "npm install next" },
      ],
    });
  });

  test("refuses a folder without package.json", () => {
    expect(doctor("node_modules").code).toBe(1);
  });
});
