// The build: four programs, one after the other; their output and how far they are is emitted as it comes.

import { mkdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { emitBuildProgress } from "nself-realtime";
import type { BuildProgressEvent } from "nself-realtime/client";
import { Refusal } from "../api/answer";
import { dataFolder } from "../data-folder";
import { processWide } from "../process-wide";
import { type ProgramRun, runProgram } from "../run-program";
import { timestamp } from "../timestamp";
import { type BuildRecord, type BuildSnapshot, STEPS } from "./types";

/** Lines of output are gathered this long, in ms, before they are emitted. */
const GATHER = 150;
const BUILDS_KEPT = 5;

const PROGRAMS: Record<(typeof STEPS)[number]["step"], string[]> = {
  check: ["tasks/check.mjs"],
  test: ["--test", "--test-reporter=spec", "tasks/services-test.mjs"],
  package: ["tasks/package.mjs"],
  verify: ["tasks/verify.mjs"],
};

class Builder {
  private events: BuildProgressEvent[] = [];
  private builds: BuildRecord[] = [];
  private running: { program: ProgramRun | null; cancelled: boolean } | null = null;

  snapshot(): BuildSnapshot {
    return { events: [...this.events], builds: [...this.builds] };
  }

  /** The last build that succeeded. */
  latest(): BuildRecord | undefined {
    return this.builds.find(({ status }) => status === "complete");
  }

  /** Starts a build and returns its id; refuses while one runs. */
  start(startedBy: string): string {
    if (this.running) throw new Refusal(409, "a build is running already");
    const id = new Date().toISOString().replace(/[-:]/g, "").slice(0, 15);
    this.running = { program: null, cancelled: false };
    this.events = [];
    this.emit({ step: "start", progress: 0, status: "pending", message: `Build ${id}, started by ${startedBy}` });
    this.run(id, startedBy).catch((error) => console.error(error));
    return id;
  }

  cancel(by: string): void {
    if (!this.running) throw new Refusal(409, "no build is running");
    this.running.cancelled = true;
    this.running.program?.kill();
    console.log(`build cancelled by ${by}`);
  }

  private async run(id: string, startedBy: string): Promise<void> {
    const began = Date.now();
    const folder = join(dataFolder(), "builds", id);
    let failure: string | null = null;
    try {
      mkdirSync(folder, { recursive: true });
      for (const [index, { step, title }] of STEPS.entries()) {
        failure = await this.step(index, title, PROGRAMS[step], folder);
        if (failure) break;
      }
    } catch (error) {
      failure = String(error);
    }
    const message = failure ?? `Built in ${((Date.now() - began) / 1000).toFixed(1)} s`;
    const status = failure ? "failed" : "complete";
    const finishedAt = new Date().toISOString();
    this.builds.unshift({ id, finishedAt, duration: Date.now() - began, status, message, startedBy });
    this.running = null;
    const last = this.events.at(-1)?.progress ?? 0;
    this.emit({ step: "done", progress: failure ? last : 100, status, message });
    if (failure) await rm(folder, { recursive: true, force: true });
    await this.removeOld();
  }

  /** Runs one step; returns why it failed. */
  private async step(index: number, title: string, args: string[], folder: string): Promise<string | null> {
    const progress = (index / STEPS.length) * 100;
    const place = { step: STEPS[index]?.step ?? title, totalSteps: STEPS.length, currentStep: index + 1 };
    this.emit({ ...place, progress, status: "in-progress", message: `${title} began` });
    if (this.running?.cancelled) return "cancelled";
    let logs: string[] = [];
    let timer: NodeJS.Timeout | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      if (logs.length > 0) this.emit({ ...place, progress, status: "in-progress", logs: logs.splice(0) });
    };
    const program = runProgram(args, { NSELF_BUILD: folder }, (line) => {
      logs.push(line);
      timer ??= setTimeout(flush, GATHER);
    });
    if (this.running) this.running.program = program;
    const code = await program.ended;
    flush();
    logs = [];
    if (this.running?.cancelled) return this.failed(place, progress, "cancelled");
    if (code !== 0) return this.failed(place, progress, `${title} failed (${code})`);
    const reached = Math.round(((index + 1) / STEPS.length) * 100);
    // The last word is the build's own: complete only when all of it is.
    this.emit({ ...place, progress: Math.min(reached, 99), status: "in-progress", message: `${title} complete` });
    return null;
  }

  private failed(place: Pick<BuildProgressEvent, "step">, progress: number, message: string): string {
    this.emit({ ...place, progress, status: "failed", message });
    return message;
  }

  private emit(event: Omit<BuildProgressEvent, "timestamp">): void {
    const stamped = { ...event, progress: Math.round(event.progress), timestamp: timestamp() };
    this.events.push(stamped);
    emitBuildProgress(stamped);
  }

  private async removeOld(): Promise<void> {
    this.builds.length = Math.min(this.builds.length, BUILDS_KEPT);
    const kept = new Set(this.builds.map(({ id }) => id));
    const folder = join(dataFolder(), "builds");
    for (const name of await readdir(folder)) {
      if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

export function builder(): Builder {
  return processWide("builder", () => new Builder());
}
