// Takes the figures every two seconds while somebody is connected, emits them, and keeps the last minutes for pages opened later.

import { cpus, platform, totalmem } from "node:os";
import { emitDockerStats, getWebSocketServer } from "nself-realtime";
import { processWide } from "../process-wide";
import { services } from "../services/manager";
import { dockerStats } from "./docker-stats";
import { processStats } from "./process-stats";
import type { Sample, StatsSnapshot } from "./types";

const INTERVAL = 2000;
/** Samples kept of each container or process: two minutes. */
const KEPT = 60;

class Sampler {
  private readonly history = new Map<string, Sample[]>();
  private docker = false;
  private taking: Promise<void> | null = null;
  private takenAt = 0;

  start(): void {
    const timer = setInterval(() => {
      if (getWebSocketServer().getPresence().length > 0) this.take().catch((error) => console.error(error));
    }, INTERVAL);
    timer.unref();
  }

  /** Takes and emits the figures now, unless that was done within the last interval. */
  async take(): Promise<void> {
    if (Date.now() - this.takenAt < INTERVAL / 2) return this.taking ?? undefined;
    this.takenAt = Date.now();
    this.taking = this.sample();
    return this.taking;
  }

  snapshot(): StatsSnapshot {
    return {
      samples: [...this.history.values()].flat(),
      machine: { cores: cpus().length, memory: totalmem(), platform: platform() },
      docker: this.docker,
    };
  }

  private async sample(): Promise<void> {
    const targets = [{ pid: process.pid, name: "admin" }, ...services().processes()];
    const [processes, containers] = await Promise.all([processStats(targets), dockerStats()]);
    this.docker = containers !== null;
    const samples = [...processes, ...(containers ?? [])];
    const present = new Set(samples.map(({ containerId }) => containerId));
    for (const id of this.history.keys()) if (!present.has(id)) this.history.delete(id);
    for (const sample of samples) {
      const kept = this.history.get(sample.containerId) ?? [];
      this.history.set(sample.containerId, [...kept, sample].slice(-KEPT));
      emitDockerStats(sample);
    }
  }
}

export function sampler(): Sampler {
  return processWide("sampler", () => new Sampler());
}

/** From register(): once for the life of the process. */
export function startSampling(): void {
  sampler().start();
}
