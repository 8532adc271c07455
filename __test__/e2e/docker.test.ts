// The example's monitor where Docker runs: a daemon's socket with its answers, as `docker stats` would get them.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DockerStatsEvent } from "../../ts/events.js";
import { arrival, connect, disconnectAll } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";

const ID = "0123456789abcdef".repeat(4);
const folder = mkdtempSync(join(tmpdir(), "nself-realtime-docker-"));
let server: NextServer;
let readings = 0;

/** One container on two cores, which uses half of one of them: 25 ms of CPU time for each 100 ms of the machine's. */
const daemon = createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  if (request.url === "/containers/json") return response.end(JSON.stringify([{ Id: ID, Names: ["/nself_hasura"] }]));
  if (request.url !== `/containers/${ID}/stats?stream=false&one-shot=true`) {
    response.statusCode = 404;
    return response.end("{}");
  }
  readings++;
  return response.end(
    JSON.stringify({
      cpu_stats: {
        cpu_usage: { total_usage: 5e9 + readings * 25e6 },
        system_cpu_usage: 9e12 + readings * 100e6,
        online_cpus: 2,
      },
      memory_stats: { usage: 300e6, limit: 2000e6, stats: { inactive_file: 100e6 } },
      networks: { eth0: { rx_bytes: 10, tx_bytes: 20 }, eth1: { rx_bytes: 1, tx_bytes: 2 } },
      blkio_stats: {
        io_service_bytes_recursive: [
          { op: "read", value: 7 },
          { op: "write", value: 8 },
          { op: "Read", value: 3 },
        ],
      },
    }),
  );
});

beforeAll(async () => {
  const socket = join(folder, "docker.sock");
  await new Promise<void>((resolve) => daemon.listen(socket, resolve));
  server = await startNext({ folder: example, mode: "start", env: { DOCKER_HOST: `unix://${socket}` } });
});

afterAll(async () => {
  disconnectAll();
  await server?.program.stop();
  daemon.close();
  rmSync(folder, { recursive: true, force: true });
});

it("counts as `docker stats` does", async () => {
  const cookie = await logIn(server.url);
  const socket = await connect(server.url, "websocket", { extraHeaders: { cookie } });
  const { data } = await arrival<DockerStatsEvent>(
    socket,
    "docker:stats",
    ({ containerName, stats }) => containerName === "nself_hasura" && stats.cpu > 0,
  );
  expect(data.containerId).toBe(ID.slice(0, 12));
  expect(data.stats).toEqual({
    cpu: 50,
    memory: 200e6,
    memoryLimit: 2000e6,
    memoryPercent: 10,
    network: { rx: 11, tx: 22 },
    blockIO: { read: 10, write: 8 },
  });
});
