// The figures of the machine's containers, from the Docker daemon's socket, where there is one.

import { existsSync } from "node:fs";
import { request } from "node:http";
import { timestamp } from "../timestamp";
import type { Sample } from "./types";

const TIMEOUT = 5000;

/** What we read of Docker's answers; a container that has just ended has no figures. */
interface Container {
  Id: string;
  Names: string[];
}
interface CpuStats {
  cpu_usage: { total_usage: number };
  system_cpu_usage?: number;
  online_cpus?: number;
}
interface Stats {
  cpu_stats: CpuStats;
  memory_stats: { usage?: number; limit?: number; stats?: { inactive_file?: number } };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
  blkio_stats?: { io_service_bytes_recursive?: Array<{ op: string; value: number }> | null };
}

/** The last reading of each container: CPU use is what has changed since. */
const before = new Map<string, CpuStats>();

function socketPath(): string | null {
  const host = process.env.DOCKER_HOST;
  if (host && !host.startsWith("unix://")) return null;
  const path = host ? host.slice("unix://".length) : "/var/run/docker.sock";
  return existsSync(path) ? path : null;
}

function ask<T>(socket: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, path, timeout: TIMEOUT }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode !== 200) reject(new Error(`Docker answered ${response.statusCode} to ${path}`));
        else resolve(JSON.parse(text) as T);
      });
      response.on("error", reject);
    });
    asked.on("timeout", () => asked.destroy(new Error("Docker did not answer in time")));
    asked.on("error", reject);
    asked.end();
  });
}

/** All running containers; null where no Docker daemon answers. */
export async function dockerStats(): Promise<Sample[] | null> {
  const socket = socketPath();
  if (!socket) return null;
  try {
    const containers = await ask<Container[]>(socket, "/containers/json");
    const read = async ({ Id, Names }: Container): Promise<Sample[]> => {
      const stats = await ask<Stats>(socket, `/containers/${Id}/stats?stream=false&one-shot=true`).catch(() => null);
      return stats ? [toSample(Id, Names[0]?.replace(/^\//, "") ?? Id.slice(0, 12), stats)] : [];
    };
    const samples = (await Promise.all(containers.map(read))).flat();
    for (const id of before.keys()) if (!containers.some(({ Id }) => Id === id)) before.delete(id);
    return samples;
  } catch {
    // No permission, or no daemon behind the socket: the same as no Docker.
    return null;
  }
}

function toSample(id: string, name: string, { cpu_stats, memory_stats, networks, blkio_stats }: Stats): Sample {
  const last = before.get(id);
  before.set(id, cpu_stats);
  const usedTime = cpu_stats.cpu_usage.total_usage - (last?.cpu_usage.total_usage ?? cpu_stats.cpu_usage.total_usage);
  const time = (cpu_stats.system_cpu_usage ?? 0) - (last?.system_cpu_usage ?? 0);
  // As `docker stats` counts: without the page cache.
  const memory = Math.max(0, (memory_stats.usage ?? 0) - (memory_stats.stats?.inactive_file ?? 0));
  const limit = memory_stats.limit ?? 0;
  const nets = Object.values(networks ?? {});
  const blocks = blkio_stats?.io_service_bytes_recursive ?? [];
  const sum = (numbers: number[]) => numbers.reduce((total, value) => total + value, 0);
  const blocksOf = (op: string) =>
    sum(blocks.filter((block) => block.op.toLowerCase() === op).map(({ value }) => value));
  return {
    containerId: id.slice(0, 12),
    containerName: name,
    stats: {
      cpu: last && time > 0 ? (usedTime / time) * (cpu_stats.online_cpus ?? 1) * 100 : 0,
      memory,
      memoryLimit: limit,
      memoryPercent: limit > 0 ? (memory / limit) * 100 : 0,
      network: { rx: sum(nets.map(({ rx_bytes }) => rx_bytes)), tx: sum(nets.map(({ tx_bytes }) => tx_bytes)) },
      blockIO: { read: blocksOf("read"), write: blocksOf("write") },
    },
    timestamp: timestamp(),
  };
}
