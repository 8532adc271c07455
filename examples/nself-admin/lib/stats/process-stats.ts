// CPU, memory and disk of processes of this machine: from /proc on Linux, from `ps` elsewhere.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { promisify } from "node:util";
import { timestamp } from "../timestamp";
import type { Sample } from "./types";

export interface Target {
  pid: number;
  name: string;
}

interface Reading {
  /** Percent of one core, as Docker counts. */
  cpu: number;
  /** Bytes. */
  memory: number;
  read: number;
  write: number;
}

/** /proc counts CPU time in hundredths of a second, on every Linux. */
const TICKS = 100;
const HAS_PROC = existsSync("/proc/self/stat");
const run = promisify(execFile);

/** CPU time used so far at the last reading, by process. */
const used = new Map<number, { ticks: number; at: number }>();

async function readProc({ pid }: Target): Promise<Reading> {
  const [stat, status, io] = await Promise.all(
    ["stat", "status", "io"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "")),
  );
  // The name in brackets may hold spaces: the fields are counted from behind it.
  const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const now = performance.now();
  const before = used.get(pid);
  used.set(pid, { ticks, at: now });
  const field = (text = "", name = "") => Number(text.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))?.[1] ?? 0);
  return {
    cpu: before ? ((ticks - before.ticks) / TICKS / ((now - before.at) / 1000)) * 100 : 0,
    memory: field(status, "VmRSS") * 1024,
    read: field(io, "read_bytes"),
    write: field(io, "write_bytes"),
  };
}

async function readPs(targets: Target[]): Promise<Map<number, Reading>> {
  const { stdout } = await run("ps", ["-o", "pid=,pcpu=,rss=", "-p", targets.map(({ pid }) => pid).join(",")]);
  const lines = stdout.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [pid = 0, cpu = 0, rss = 0] = line.trim().split(/\s+/).map(Number);
      return [pid, { cpu, memory: rss * 1024, read: 0, write: 0 }];
    }),
  );
}

/** Reads all of them; a process that has ended meanwhile is left out. */
export async function processStats(targets: Target[]): Promise<Sample[]> {
  if (targets.length === 0) return [];
  const readings = HAS_PROC
    ? new Map(await Promise.all(targets.map(async (target) => [target.pid, await readProc(target)] as const)))
    : await readPs(targets);
  for (const pid of used.keys()) if (!readings.has(pid)) used.delete(pid);
  return targets.flatMap(({ pid, name }) => {
    const reading = readings.get(pid);
    if (!reading || !Number.isFinite(reading.cpu) || reading.memory === 0) return [];
    return [toSample(pid, name, reading)];
  });
}

function toSample(pid: number, name: string, { cpu, memory, read, write }: Reading): Sample {
  const memoryLimit = totalmem();
  return {
    containerId: String(pid),
    containerName: name,
    stats: {
      cpu: Math.max(0, Math.round(cpu * 10) / 10),
      memory,
      memoryLimit,
      memoryPercent: (memory / memoryLimit) * 100,
      // A process shares the machine's network; only a container's own is counted apart.
      network: { rx: 0, tx: 0 },
      blockIO: { read, write },
    },
    timestamp: timestamp(),
  };
}
