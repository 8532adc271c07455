// One service: its child process, its status and its last log lines. Every change and every line is emitted to the pages.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { emitLogStream, emitServiceStatus } from "nself-realtime";
import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";
import { logRoom, type ServiceName } from "./catalog";

/** Lines kept for pages that are opened later. */
const LINES_KEPT = 200;
/** Time a service has to end by itself, in ms. */
const STOP_TIMEOUT = 5000;

export class ServiceProcess {
  status: ServiceStatusEvent;
  readonly lines: LogStreamEvent[] = [];
  private child: ChildProcess | null = null;

  constructor(
    private readonly name: ServiceName,
    private readonly onChange: (status: ServiceStatusEvent) => void,
  ) {
    this.status = { service: name, status: "stopped", timestamp: new Date().toISOString() };
  }

  /** Starts the process, unless it runs. */
  start(): void {
    if (this.child) return;
    const program = join(/* turbopackIgnore: true */ process.cwd(), "services", `${this.name}.mjs`);
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "pipe"] });
    this.child = child;
    this.change("starting");
    this.follow(child.stdout, "stdout");
    this.follow(child.stderr, "stderr");
    // A service says something as soon as it is ready.
    child.stdout.once("data", () => {
      if (this.status.status === "starting") this.change("running");
    });
    child.on("error", (error) => this.log(`error: ${error.message}`, "stderr"));
    child.on("close", (code, signal) => this.ended(code, signal));
  }

  /** Asks the process to end, and ends it if it does not. */
  stop(): void {
    const { child } = this;
    if (!child || this.status.status === "stopping") return;
    this.change("stopping");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
    child.once("close", () => clearTimeout(timer));
  }

  /** Ends the process when ours ends. */
  kill(): void {
    this.child?.kill("SIGTERM");
  }

  private ended(code: number | null, signal: NodeJS.Signals | null): void {
    const wanted = this.status.status === "stopping";
    this.child = null;
    if (!wanted) this.log(`error: the process ended by itself (${signal ?? `exit code ${code}`})`, "stderr");
    this.change(wanted ? "stopped" : "unhealthy");
  }

  private change(status: ServiceStatusEvent["status"]): void {
    const timestamp = new Date().toISOString();
    this.status = { service: this.name, status, timestamp };
    // These services are processes: the process id stands where a container's id would.
    if (this.child?.pid) this.status.containerId = String(this.child.pid);
    if (status === "running") this.status.health = { status: "healthy", lastCheck: timestamp };
    if (status === "unhealthy") this.status.health = { status: "unhealthy", lastCheck: timestamp };
    this.onChange(this.status);
    emitServiceStatus(this.status);
  }

  private follow(stream: Readable, source: "stdout" | "stderr"): void {
    createInterface({ input: stream }).on("line", (line) => this.log(line, source));
  }

  private log(line: string, source: "stdout" | "stderr"): void {
    const level = source === "stdout" ? "info" : line.startsWith("warn") ? "warn" : "error";
    const event: LogStreamEvent = { service: this.name, line, timestamp: new Date().toISOString(), level, source };
    this.lines.push(event);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    emitLogStream(event, logRoom(this.name));
  }
}
