// Servers that are no Next, as docs/servers has them.

import { writeFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import type { ServiceStatusEvent } from "../../ts/events.js";
import { arrival, connect, disconnectAll, post } from "./support/client.js";
import { installWith } from "./support/install.js";
import { documented } from "./support/make-app.js";
import { freePort } from "./support/next.js";
import { Program } from "./support/program.js";

let program: Program | undefined;
afterEach(async () => {
  disconnectAll();
  if (program?.child.exitCode === null) await program.stop();
});

it.each([
  ["express@5.3.0", "docs/servers/express.md"],
  ["fastify@5.12.8", "docs/servers/fastify.md"],
])("%s", async (dependency, document) => {
  const folder = installWith(dependency, [dependency]);
  writeFileSync(`${folder}/server.mjs`, documented(document, "server.mjs"));
  const port = await freePort();
  program = new Program(["server.mjs"], { cwd: folder, env: { PORT: String(port) } });
  await program.printed(/Ready/);
  const url = `http://localhost:${port}`;
  for (const transport of ["websocket", "polling"] as const) {
    const socket = await connect(url, transport);
    const event = arrival<ServiceStatusEvent>(socket, "service:status", ({ service }) => service === "postgres");
    expect(await post(`${url}/start`, {})).toEqual({ success: true });
    expect((await event).data.status).toBe("running");
    socket.disconnect();
  }
});
