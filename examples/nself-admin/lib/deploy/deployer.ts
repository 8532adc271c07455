// Deployments: one at a time, stage by stage, emitted as they go on.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { emitDeployProgress } from "nself-realtime";
import type { DeployProgressEvent } from "nself-realtime/client";
import { Refusal } from "../api/answer";
import { builder } from "../build/builder";
import { dataFolder } from "../data-folder";
import { processWide } from "../process-wide";
import { timestamp } from "../timestamp";
import { DO } from "./stages";
import { type DeploySnapshot, ENVIRONMENTS, type Environment, type Release, STAGES } from "./types";

class Deployer {
  private events: DeployProgressEvent[] = [];
  private running = false;

  async snapshot(): Promise<DeploySnapshot> {
    const releases = await Promise.all(ENVIRONMENTS.map(async (name) => [name, await this.current(name)] as const));
    const current = Object.fromEntries(releases) as DeploySnapshot["current"];
    return { events: [...this.events], current, build: builder().latest()?.id ?? null };
  }

  /** Deploys the last build and returns the release's name; refuses while a deployment runs, and without a build. */
  start(environment: Environment, deployedBy: string): string {
    if (this.running) throw new Refusal(409, "a deployment is running already");
    const build = builder().latest();
    if (!build) throw new Refusal(409, "there is no build yet: build first");
    const deployedAt = new Date().toISOString();
    const release: Release = { name: deployedAt.replace(/[-:.]/g, ""), build: build.id, deployedAt, deployedBy };
    this.running = true;
    this.events = [];
    const logs = [`Release ${release.name} of build ${build.id}, deployed by ${deployedBy}`];
    this.emit({ stage: "start", environment, status: "pending", logs, progress: 0 });
    this.run(environment, release).catch((error) => console.error(error));
    return release.name;
  }

  private async run(environment: Environment, release: Release): Promise<void> {
    const folder = join(dataFolder(), "releases", environment);
    const build = join(dataFolder(), "builds", release.build);
    let failure: string | null = null;
    for (const [index, { stage }] of STAGES.entries()) {
      const progress = Math.round((index / STAGES.length) * 100);
      const logs: string[] = [];
      this.emit({ stage, environment, status: "in-progress", logs: [], progress });
      try {
        await DO[stage]({ build, environment: folder, release, log: (line) => logs.push(line) });
      } catch (error) {
        failure = (error as Error).message;
        this.emit({ stage, environment, status: "failed", logs, progress, error: failure });
        if (stage !== "clean") await rm(join(folder, release.name), { recursive: true, force: true });
        break;
      }
      const reached = Math.round(((index + 1) / STAGES.length) * 100);
      // "complete" of the last stage is said by "done" below: then the deployment is over for everybody.
      this.emit({ stage, environment, status: "in-progress", logs, progress: Math.min(reached, 99) });
    }
    this.running = false;
    const end = { stage: "done", environment, logs: failure ? [] : [`${environment} runs ${release.name}`] };
    if (failure) this.emit({ ...end, status: "failed", error: failure });
    else this.emit({ ...end, status: "complete", progress: 100 });
  }

  private async current(environment: Environment): Promise<Release | null> {
    const file = join(dataFolder(), "releases", environment, "current", "release.json");
    return readFile(file, "utf8").then(
      (text) => JSON.parse(text) as Release,
      () => null,
    );
  }

  private emit(event: Omit<DeployProgressEvent, "timestamp">): void {
    const stamped = { ...event, timestamp: timestamp() };
    this.events.push(stamped);
    emitDeployProgress(stamped);
  }
}

export function deployer(): Deployer {
  return processWide("deployer", () => new Deployer());
}
