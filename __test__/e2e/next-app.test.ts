// What happens in applications of Next 16 beside the straight way: hot reloading, what was forgotten, code where there is no Node, and the
// settings of Next that move paths.

import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { LogStreamEvent, ServiceStatusEvent } from "../../ts/events.js";
import { launchBrowser } from "./support/browser.js";
import { arrival, connect, disconnectAll, join, post, type Transport } from "./support/client.js";
import { BASICS, documented, makeApp, writeFiles } from "./support/make-app.js";
import { freePort, startNext } from "./support/next.js";
import { Program } from "./support/program.js";

const BUNDLERS = ["--turbopack", "--webpack"] as const;
const VERSION = "16.4.6";

const running: Program[] = [];
afterEach(async () => {
  disconnectAll();
  for (const program of running.splice(0)) if (program.child.exitCode === null) await program.stop();
});

async function dev(folder: string, bundler: string) {
  const server = await startNext({ folder, mode: "dev", args: [bundler] });
  running.push(server.program);
  return server;
}

async function build(folder: string, bundler: string): Promise<string> {
  const program = new Program([`${folder}/node_modules/next/dist/bin/next`, "build", bundler], { cwd: folder });
  expect(await program.ended, program.output).toBe(0);
  return program.output;
}

const TRANSPORTS: Transport[] = ["websocket", "polling"];

/** What a route emits reaches clients of both transports. */
async function expectDelivery(url: string, route: string, options: Parameters<typeof connect>[2] = {}): Promise<void> {
  for (const transport of TRANSPORTS) {
    const socket = await connect(url, transport, options);
    const event = arrival<ServiceStatusEvent>(socket, "service:status", ({ service }) => service === "postgres");
    expect(await post(`${url}${route}`, {})).toEqual({ success: true });
    expect((await event).data.status).toBe("running");
    socket.disconnect();
  }
}

describe.each(BUNDLERS)("next dev %s", (bundler) => {
  it("says where clients connect, and hot reloading leaves one producer, however often its module is loaded", async () => {
    const tail = (version: number) => `import { emitLogStream, getWebSocketServer } from "nself-realtime";
const copy = Math.random();
getWebSocketServer().whileWatched("logs:tail", (room) => {
  const emit = () => emitLogStream({ service: "tail", line: "${version} " + copy, timestamp: "t" }, room);
  const timer = setInterval(emit, 20);
  return () => clearInterval(timer);
});
export const version = ${version};
`;
    const route = 'import { version } from "../../../lib/tail";\nexport const GET = () => Response.json(version);\n';
    const folder = makeApp(`reload${bundler}`, VERSION, {
      ...BASICS,
      "lib/tail.ts": tail(1),
      "app/api/a/route.ts": route,
      "app/api/b/route.ts": route,
    });
    const { url, program, port } = await dev(folder, bundler);
    const socket = await connect(url, "websocket");
    await join(socket, "logs:tail");
    const lines: string[] = [];
    socket.on("logs:stream", ({ data }: { data: LogStreamEvent }) => lines.push(data.line));
    for (const version of [1, 2, 3]) {
      if (version > 1) writeFileSync(`${folder}/lib/tail.ts`, tail(version));
      for (const name of ["a", "b"]) {
        await expect.poll(async () => await (await fetch(`${url}/api/${name}`)).text()).toBe(String(version));
      }
      // Lines of the copy before may still be on their way. Two producers would never leave twenty in a row to one.
      await expect
        .poll(() => [lines.length >= 20, [...new Set(lines.slice(-20))]])
        .toEqual([true, [expect.stringMatching(`^${version} `)]]);
      lines.splice(0);
    }
    const said = program.output.match(/^nself-realtime: .*$/gm);
    expect(said).toEqual([`nself-realtime: Socket.IO clients connect to http://127.0.0.1:${port}/api/ws`]);
  });

  it("says that withRealtime was forgotten", async () => {
    const folder = makeApp(`forgotten${bundler}`, VERSION, { ...BASICS, "next.config.mjs": "export default {};\n" });
    const port = await freePort();
    const program = new Program(
      [`${folder}/node_modules/next/dist/bin/next`, "dev", bundler, "-H", "127.0.0.1", "-p", String(port)],
      { cwd: folder },
    );
    running.push(program);
    await program.printed(/Ready in/);
    await fetch(`http://127.0.0.1:${port}/api/emit`, { method: "POST" }).catch(() => {});
    // webpack does not even load the binary; the page of symptoms has its message.
    await program.printed(
      bundler === "--turbopack"
        ? /ERR_BUNDLED|Wrap the configuration in next\.config/
        : /Module parse failed.*|next\.config/,
    );
    expect(program.output).not.toContain("--no-optional");
  });

  it("says what to do where there is no Node: in an edge route, and in a client component", async () => {
    const folder = makeApp(`no-node${bundler}`, VERSION, {
      ...BASICS,
      "app/api/edge/route.ts": `import { emitServiceStatus } from "nself-realtime";
export const runtime = "edge";
export const GET = () => Response.json(emitServiceStatus({ service: "api", status: "running", timestamp: "t" }));
`,
      "app/page.tsx": `"use client";
import { useEffect } from "react";
import { emitServiceStatus } from "nself-realtime";
export default function Page() {
  useEffect(() => void emitServiceStatus({ service: "api", status: "running", timestamp: "t" }), []);
  return <p>page</p>;
}
`,
    });
    const { url, program } = await dev(folder, bundler);
    expect((await fetch(`${url}/api/edge`)).status).toBe(500);
    await program.printed(
      /emitServiceStatus of "nself-realtime" cannot run at the edge: .*remove `export const runtime = "edge"`/,
    );
    const browser = await launchBrowser();
    try {
      const page = await browser.context.newPage();
      await page.goto(url);
      await expect
        .poll(() => browser.complaints.join("\n"))
        .toMatch(/cannot run here: .*import from "nself-realtime\/client" or "nself-realtime\/react"/);
    } finally {
      await browser.close();
    }
  });
});

describe.each(BUNDLERS)("next build %s", (bundler) => {
  it("basePath, trailingSlash, proxy.ts, src, cacheComponents with the guide's HTTP view, and a standalone server", async () => {
    const { "next.config.mjs": _, "instrumentation.ts": __, ...basics } = BASICS;
    const inSrc = Object.fromEntries(Object.entries(basics).map(([path, text]) => [`src/${path}`, text]));
    const folder = makeApp(`paths${bundler}`, VERSION, {
      ...inSrc,
      "next.config.ts": `import type { NextConfig } from "next";
import { withRealtime } from "nself-realtime/next";
const nextConfig: NextConfig = {
  basePath: "/base",
  trailingSlash: true,
  cacheComponents: true,
  output: "standalone",
  outputFileTracingRoot: process.cwd(),
  turbopack: { root: process.cwd() },
};
export default withRealtime(nextConfig);
`,
      "src/instrumentation.ts": 'export { register } from "nself-realtime";\n',
      // A login before everything.
      "src/proxy.ts": `import { type NextRequest, NextResponse } from "next/server";
export function proxy(request: NextRequest) {
  return request.headers.has("x-secret") ? NextResponse.next() : new NextResponse("log in", { status: 401 });
}
`,
    });
    writeFiles(folder, {
      "src/app/api/realtime/[[...path]]/route.ts": documented("docs/guide.md", "app/api/realtime/[[...path]]/route.ts"),
    });
    const output = await build(folder, bundler);
    expect(output).toMatch(/ƒ \/api\/realtime\/\[\[/);
    const port = await freePort();
    const program = new Program([`${folder}/.next/standalone/server.js`], {
      cwd: folder,
      env: { PORT: String(port), HOSTNAME: "127.0.0.1", REALTIME_TOKEN: "token" },
    });
    running.push(program);
    await program.printed(/Ready in/);
    const url = `http://127.0.0.1:${port}`;
    const secret = { "x-secret": "yes" };
    expect((await fetch(`${url}/base/`)).status).toBe(401);
    expect((await fetch(`${url}/base/`, { headers: secret })).status).toBe(200);
    // Socket.IO clients need no secret: their path is before Next, and not below basePath.
    for (const transport of TRANSPORTS) {
      const socket = await connect(url, transport);
      const event = arrival<ServiceStatusEvent>(socket, "service:status", () => true);
      const answer = await fetch(`${url}/base/api/emit/`, { method: "POST", headers: secret });
      expect(await answer.json()).toEqual({ success: true });
      await event;
      socket.disconnect();
    }
    const view = (headers: Record<string, string>) => fetch(`${url}/base/api/realtime/`, { headers });
    expect((await view(secret)).status).toBe(403);
    const answer = await view({ ...secret, authorization: "Bearer token" });
    expect(await answer.json()).toMatchObject({ success: true, data: { connected: 0 } });
  });
});

describe.each([
  ["16.4.6", "--turbopack"],
  ["14.2.35", ""],
] as const)("pages/api/socket, with Next %s %s", (version, bundler) => {
  let folder: string;

  const talk = async (url: string) => {
    expect((await fetch(`${url}/api/socket`)).status).toBe(200);
    for (const transport of TRANSPORTS) {
      const options = { path: "/api/socket_io", addTrailingSlash: false };
      const [one, two] = [await connect(url, transport, options), await connect(url, transport, options)];
      for (let i = 0; i < 5; i++) {
        const heard = new Promise((resolve) => two.once("chat", resolve));
        one.emit("chat", `text ${i}`);
        expect(await heard).toBe(`text ${i}`);
      }
      disconnectAll();
    }
  };

  it("works with the import changed, under next dev and next start", async () => {
    folder = makeApp(`pages-api-${version}`, version, {
      "next.config.mjs": BASICS["next.config.mjs"] ?? "",
      "pages/index.tsx": "export default function Page() {\n  return <p>page</p>;\n}\n",
      "pages/api/socket.ts": documented("docs/servers/pages-api.md", "pages/api/socket.ts"),
      "lib/socket.ts": documented("docs/servers/pages-api.md", "lib/socket.ts"),
    });
    const args = bundler === "" ? [] : [bundler];
    const started = await startNext({ folder, mode: "dev", args });
    running.push(started.program);
    await talk(started.url);
    await started.program.stop();
    const program = new Program([`${folder}/node_modules/next/dist/bin/next`, "build", ...args], { cwd: folder });
    expect(await program.ended, program.output).toBe(0);
    const built = await startNext({ folder, mode: "start" });
    running.push(built.program);
    await talk(built.url);
  });
});

it.each(["server.mjs", "server.cjs"])("a custom server: %s", async (name) => {
  const { "instrumentation.ts": _, ...files } = BASICS;
  const folder = makeApp(`custom-${name}`, VERSION, {
    ...files,
    [name]: documented("docs/servers/custom-server.md", name),
  });
  const port = await freePort();
  const program = new Program([name], { cwd: folder, env: { PORT: String(port), NODE_ENV: "development" } });
  running.push(program);
  await program.printed(/Ready on/);
  const url = `http://127.0.0.1:${port}`;
  expect((await fetch(url)).status).toBe(200);
  await expectDelivery(url, "/api/emit");
});
