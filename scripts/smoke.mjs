// Installs what scripts/pack.mjs has packed in an empty folder, without install scripts, and delivers an event by WebSocket and by
// long-polling, on a port of Rust's own and on a port shared with Node. For platforms where nothing else of this repository is installed.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, main, npm, root, run, step } from "./lib/run.mjs";
import { TARBALLS } from "./pack.mjs";

const PROGRAM = `
import { createServer } from "node:http";
import { attach, emitServiceStatus, listen } from "nself-realtime";
import { io } from "socket.io-client";

setTimeout(() => { console.error("nothing after 30 s"); process.exit(1); }, 30_000).unref();

async function delivers(port, transport, way) {
  const socket = io(\`http://127.0.0.1:\${port}\`, { path: "/api/ws", transports: [transport], reconnection: false });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
  const event = new Promise((resolve) => socket.once("service:status", resolve));
  emitServiceStatus({ service: transport, status: "running", timestamp: new Date().toISOString() });
  const { data } = await event;
  if (data.service !== transport) throw new Error(\`got \${JSON.stringify(data)}\`);
  socket.disconnect();
  console.log(\`\${way}, \${transport}: delivered\`);
}

const alone = await listen({ port: 0, host: "127.0.0.1" });
for (const transport of ["websocket", "polling"]) await delivers(alone.port, transport, "listen");
await alone.shutdown();

const http = createServer((_request, response) => response.writeHead(404).end());
const shared = attach(http);
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
// Windows has no descriptors to take over: see docs/faq.md.
const transports = process.platform === "win32" ? ["polling"] : ["websocket", "polling"];
for (const transport of transports) await delivers(http.address().port, transport, "attach");
await shared.shutdown();
http.close();
`;

/** Throws a Failure if anything of it does not work. */
export async function smoke() {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-smoke-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    writeFileSync(join(folder, "program.js"), PROGRAM);
    step("installing the packed packages");
    const packages = [...TARBALLS.map((path) => join(root, path)), "socket.io-client@4.8.3"];
    await npm(["install", "--ignore-scripts", "--prefer-offline", "--no-progress", ...packages], {
      cwd: folder,
      quiet: true,
    });
    step(`delivering on ${process.platform}-${process.arch}, Node ${process.version}`);
    await run(process.execPath, ["program.js"], { cwd: folder });
    const { output } = await run(
      process.execPath,
      ["node_modules/nself-realtime/dist/esm/cli/main.js", "doctor", "--json"],
      { cwd: folder, quiet: true },
    );
    if (!JSON.parse(output).ok) throw new Failure(`doctor:\n${output}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(import.meta.url, smoke);
