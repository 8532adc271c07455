// The command `nself-realtime`: how it runs Next, which is a stand-in here, and what its doctor finds.

import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Child, endChildren, start } from "./support/child.js";
import { binaryPath, type Installation, installation } from "./support/installation.js";
import { closeClients, connected, event } from "./support/nself.js";

vi.setConfig({ testTimeout: 30_000 });

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
    const line = await child.lines.next(`a line with "${part}"`, 10_000);
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
    server.listen(+process.env.PORT, process.env.HOSTNAME, () => console.log("port " + server.address().port));`;

  test("is started by its own server, whose register() gives the path", async () => {
    app.write("build/package.json", {});
    app.write("build/server.js", server);
    app.write("build/.next/required-server-files.json", {});
    app.write("build/.next/server/instrumentation.js", "");
    const child = start(app.command, ["start", "build", "-p", "0", "--hostname=127.0.0.1"], { cwd: app.folder });
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

test("an unknown command shows the usage", async () => {
  const child = start(app.command, ["stop"], { cwd: app.folder });
  expect(await child.ended()).toEqual({ code: 2, signal: null });
  expect(child.errors()).toMatch(/unknown command "stop"[\s\S]*Usage: /);
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
      "an instrumentation.ts that imports at its top",
      (app) =>
        app.write(
          "instrumentation.ts",
          'import { register as go } from "nself-realtime";\nexport function register() { go(); }',
        ),
      "start of the server",
      /at its top/,
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

  test("notes that nothing starts the server, unless a custom server or a script does", () => {
    app.write("instrumentation.ts", null);
    const unstarted = { name: "start of the server", status: "note" };
    expect(complaints()).toEqual({ code: 0, found: [expect.objectContaining(unstarted)] });
    app.write("server.mjs", 'import { attach } from "nself-realtime";');
    expect(complaints()).toEqual({ code: 0, found: [] });
    app.write("server.mjs", null);
    app.write("package.json", { scripts: { dev: "nself-realtime dev" } });
    expect(complaints()).toEqual({ code: 0, found: [] });
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
