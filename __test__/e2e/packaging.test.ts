// The package as npm, pnpm and yarn install it, in an app made by the README's steps; and what a release publishes.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServiceStatusEvent } from "../../ts/events.js";
import { arrival, connect, disconnectAll, join as joinRoom, post } from "./support/client.js";
import { freshApp, standaloneOf } from "./support/fresh-app.js";
import { freePort, type Mode, type NextServer, startNext } from "./support/next.js";
import { add, type PackageManager } from "./support/package-managers.js";
import { fixtures, root } from "./support/paths.js";
import { Program } from "./support/program.js";
import { type Registry, startRegistry } from "./support/registry.js";

let registry: Registry;
const running: Program[] = [];

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => {
  disconnectAll();
  for (const program of running) if (program.child.exitCode === null) await program.stop();
  await registry?.close();
});

/** What the README's route emits reaches a stock client, on both transports. */
async function expectDelivery(url: string): Promise<void> {
  for (const transport of ["websocket", "polling"] as const) {
    const socket = await connect(url, transport);
    const event = arrival<ServiceStatusEvent>(socket, "service:status", ({ service }) => service === "postgres");
    expect(await post(`${url}/api/services/start`, {})).toEqual({ success: true });
    expect((await event).data.status).toBe("running");
    socket.disconnect();
  }
}

/** Our platform packages in a folder's node_modules, with their binaries. */
function binaries(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (path) => /nself-realtime\.[\w-]+\.node$/.test(path) && !path.includes(".next"),
  );
}

function command(folder: string, args: string[]): Program {
  const program = new Program([`${folder}/node_modules/nself-realtime/dist/esm/cli/main.js`, ...args], { cwd: folder });
  running.push(program);
  return program;
}

const apps: Array<{ manager: PackageManager; bundler: "--turbopack" | "--webpack" }> = [
  { manager: "npm", bundler: "--turbopack" },
  { manager: "pnpm", bundler: "--webpack" },
];

describe.each(apps)("an app by $manager and $bundler", ({ manager, bundler }) => {
  let folder: string;

  const start = async (mode: Mode, from = folder): Promise<NextServer> => {
    const server = await startNext({ folder: from, mode, args: mode === "dev" ? [bundler] : [] });
    running.push(server.program);
    return server;
  };

  beforeAll(async () => {
    folder = await freshApp(manager, registry.url);
  });

  it("has the binary of this platform, no other, and the doctor finds nothing", async () => {
    const names = new Set(binaries(`${folder}/node_modules`).map((path) => path.split(/[\\/]/).at(-1)));
    expect([...names]).toEqual([expect.stringContaining(`.${process.platform}-${process.arch}`)]);
    const doctor = command(folder, ["doctor"]);
    expect(await doctor.ended, doctor.output).toBe(0);
    expect(doctor.output).toContain("No problem found.");
  });

  it("delivers under next dev", async () => {
    const { url, program } = await start("dev");
    await expectDelivery(url);
    await program.stop();
  });

  it("builds, and delivers under next start and by the standalone server", async () => {
    const build = new Program([`${folder}/node_modules/next/dist/bin/next`, "build", bundler], { cwd: folder });
    expect(await build.ended, build.output).toBe(0);
    for (const [mode, from] of [
      ["start", folder],
      ["standalone", standaloneOf(folder)],
    ] as const) {
      const { url, program } = await start(mode, from);
      expect(await (await fetch(url)).text()).toContain("<p>unknown</p>");
      await expectDelivery(url);
      await program.stop();
    }
  });
});

describe("the command, with a real Next", () => {
  const folder = () => `${root}/.cache/e2e/fresh-npm`;
  const SAYS = /nself-realtime: Socket\.IO clients connect to (http:\/\/127\.0\.0\.1:\d+)\/api\/ws\n/;

  it("starts the standalone server, and loses nothing on SIGTERM", async () => {
    const port = String(await freePort());
    const program = command(folder(), ["start", ".next/standalone", "--port", port, "--hostname", "127.0.0.1"]);
    await program.printed(/Ready in/);
    await fetch(`http://127.0.0.1:${port}`);
    const [, url = ""] = await program.printed(SAYS);
    const socket = await connect(url, "websocket");
    await joinRoom(socket, "logs:api");
    let received = 0;
    socket.on("service:status", () => received++);
    const gone = new Promise((resolve) => socket.once("disconnect", resolve));
    for (let i = 0; i < 20; i++) await post(`${url}/api/services/start`, {});
    expect([0, 143, "SIGTERM"]).toContain(await program.stop("SIGTERM"));
    await gone;
    expect(received).toBe(20);
    expect(program.output).not.toContain("RealtimeWarning");
  });

  it.each(["start", "dev"])("%s serves an app without instrumentation.ts", async (name) => {
    const without = `${folder()}/instrumentation.ts`;
    const kept = readFileSync(without, "utf8");
    // The build of it has to go as well.
    const built = `${folder()}/.next/server/instrumentation.js`;
    const keptBuilt = readFileSync(built, "utf8");
    try {
      rmSync(without);
      if (name === "start") writeFileSync(built, "exports.register = () => {};\n");
      const program = command(folder(), [name, "-p", String(await freePort()), "-H", "127.0.0.1"]);
      const [, url = ""] = await program.printed(SAYS);
      await expectDelivery(url);
      await program.stop();
    } finally {
      writeFileSync(without, kept);
      if (name === "start") writeFileSync(built, keptBuilt);
    }
  });
});

it("yarn installs it for a program without Next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-yarn-"));
  try {
    writeFileSync(`${folder}/package.json`, '{ "private": true }\n');
    await add("yarn", folder, registry.url, ["nself-realtime"]);
    expect(binaries(`${folder}/node_modules`)).toHaveLength(1);
    cpSync(`${fixtures}/listen.mjs`, `${folder}/listen.mjs`);
    const program = new Program(["listen.mjs"], { cwd: folder });
    running.push(program);
    const [, port] = await program.printed(/listening on (\d+)/);
    const socket = await connect(`http://127.0.0.1:${port}`, "websocket");
    const event = arrival<ServiceStatusEvent>(socket, "service:status", ({ service }) => service === "api");
    program.child.stdin?.write('{"service":"api","status":"running","timestamp":"t"}\n');
    await event;
    program.child.stdin?.end();
    expect(await program.ended, program.output).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("a release", () => {
  let folder: string;
  const scripts = "../../scripts/release.mjs";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "nself-realtime-release-"));
    for (const name of ["package.json", "Cargo.toml", "npm"])
      cpSync(`${root}/${name}`, `${folder}/${name}`, { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const prepare = async (...args: unknown[]) => {
    const module = (await import(/* @vite-ignore */ scripts)) as { prepare(...args: unknown[]): string[] };
    return module.prepare(folder, ...args);
  };

  it("needs every platform's binary, and one version everywhere", async () => {
    const artifacts = `${folder}/artifacts`;
    await expect(prepare(artifacts, { tag: "v9.9.9" })).rejects.toThrow(/the tag has 9\.9\.9/);
    await expect(prepare(artifacts)).rejects.toThrow(/there is no binary for darwin-arm64/);
  });

  it("puts each binary into its package, and names all packages and the repository", async () => {
    const artifacts = `${folder}/artifacts`;
    const names = readdirSync(`${folder}/npm`);
    for (const name of names) {
      mkdirSync(`${artifacts}/binary-${name}`, { recursive: true });
      writeFileSync(`${artifacts}/binary-${name}/nself-realtime.${name}.node`, name);
    }
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { version: string };
    const order = await prepare(artifacts, { tag: `v${version}`, repository: "someone/nself-realtime" });
    expect(order).toEqual([...names.map((name) => `./npm/${name}`), "."]);
    const repository = { type: "git", url: "git+https://github.com/someone/nself-realtime.git" };
    for (const name of names) {
      const platform = JSON.parse(readFileSync(`${folder}/npm/${name}/package.json`, "utf8"));
      expect(platform).toMatchObject({ version, repository, files: [platform.main] });
      expect(readFileSync(`${folder}/npm/${name}/${platform.main}`, "utf8")).toBe(name);
    }
    const packages = names.map((name) => [`nself-realtime-${name}`, version]);
    const main = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    expect(main).toMatchObject({ repository, optionalDependencies: Object.fromEntries(packages) });
    expect(main.scripts).not.toHaveProperty("prepublishOnly");
    expect(main.scripts).not.toHaveProperty("install");
    expect(main.scripts).not.toHaveProperty("postinstall");
  });

  it("has a binary without symbols, below 4 MiB", () => {
    const [binary = ""] = readdirSync(root).filter((name) => name.endsWith(".node"));
    expect(statSync(`${root}/${binary}`).size).toBeLessThan(4 * 2 ** 20);
    expect(readFileSync(`${root}/${binary}`).includes(".symtab")).toBe(false);
  });
});
