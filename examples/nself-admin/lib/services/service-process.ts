// One service: its child process, its status and its last log lines. Every change and every line is emitted to the pages.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { emitLogStream, emitServiceStatus } from "nself-realtime";
import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";
import { childEnvironment } from "../child-environment";
import { timestamp } from "../timestamp";
import { logRoom, type ServiceName } from "./catalog";

/** Lines kept for pages that are opened later. */
const LINES_KEPT = 300;
/** Time a service has to end by itself, in ms. */
const STOP_TIMEOUT = 5000;

export class ServiceProcess {
  status: ServiceStatusEvent;
  readonly lines: LogStreamEvent[] = [];
  /** The running process; it talks by IPC if its program does. */
  child: ChildProcess | null = null;

  constructor(
    private readonly name: ServiceName,
    private readonly onChange: (status: ServiceStatusEvent) => void,
  ) {
    this.status = { service: name, status: "stopped", timestamp: timestamp() };
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts the process, unless it runs. */
  start(): void {
    if (this.child) return;
    const program = join(/* turbopackIgnore: true */ process.cwd(), "services", `${this.name}.mjs`);
    const child = spawn(process.execPath, [program], {
      env: childEnvironment(),
      stdio: ["pipe", "pipe", "pipe", "ipc"],
    });
    this.child = child;
    this.change("starting");
    this.follow(child.stdout as Readable, "stdout");
    this.follow(child.stderr as Readable, "stderr");
    child.on("message", (message) => {
      if (message === "ready" && this.status.status === "starting") this.change("running");
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

  /** Ends the process, at once if it hangs: when ours ends, or by SIGKILL. */
  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    this.child?.kill(signal);
  }

  /** Adds a line that no process wrote. */
  note(line: string): LogStreamEvent {
    return this.emit({ service: this.name, line, timestamp: timestamp(), level: "debug" });
  }

  private ended(code: number | null, signal: NodeJS.Signals | null): void {
    const wanted = this.status.status === "stopping";
    this.child = null;
    if (!wanted) this.log(`error: the process ended by itself (${signal ?? `exit code ${code}`})`, "stderr");
    this.change(wanted ? "stopped" : "unhealthy");
  }

  private change(status: ServiceStatusEvent["status"]): void {
    const at = timestamp();
    this.status = { service: this.name, status, timestamp: at };
    // These services are processes: the process id stands where a container's id would.
    if (this.child?.pid) this.status.containerId = String(this.child.pid);
    if (status === "running") this.status.health = { status: "healthy", lastCheck: at };
    if (status === "unhealthy") this.status.health = { status: "unhealthy", lastCheck: at };
    this.onChange(this.status);
    emitServiceStatus(this.status);
  }

  private follow(stream: Readable, source: "stdout" | "stderr"): void {
    createInterface({ input: stream }).on("line", (line) => this.log(line, source));
  }

  private log(line: string, source: "stdout" | "stderr"): void {
    const level = source === "stdout" ? "info" : line.startsWith("warn") ? "warn" : "error";
    this.emit({ service: this.name, line, timestamp: timestamp(), level, source });
  }

  private emit(event: LogStreamEvent): LogStreamEvent {
    this.lines.push(event);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    emitLogStream(event, logRoom(this.name));
    return event;
  }
}
