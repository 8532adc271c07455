// Child programs of tests: started, heard, told what to do, and gone when their test is.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "./deadline.js";
import { Queue } from "./queue.js";

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  process: ChildProcess;
  /** What it said by IPC, in order. */
  messages: Queue<unknown>;
  /** The lines that it wrote to its output. */
  lines: Queue<string>;
  /** What it wrote to its error output so far. */
  errors(): string;
  tell(command: string, args?: object): void;
  /** How it ended. */
  ended(ms?: number): Promise<Ending>;
}

export interface ChildOptions {
  /** Arguments for node. */
  node?: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Most open descriptors. */
  limit?: number;
}

const children = new Set<ChildProcess>();

/** Ends what still runs. */
export function endChildren(): void {
  for (const child of children) child.kill("SIGKILL");
}

/** Starts a program by its path, or one of the fixtures by its name. */
export function start(program: string, args: string[] = [], options: ChildOptions = {}): Child {
  const path = program.startsWith("/") ? program : fileURLToPath(new URL(`../fixtures/${program}`, import.meta.url));
  const { NODE_OPTIONS: _, VITEST: __, NODE_ENV: ___, ...env } = process.env;
  const limited = ["-c", `ulimit -n ${options.limit}; exec "$0" "$@"`, process.execPath, ...(options.node ?? []), path];
  const child = fork(options.limit ? limited[0]! : path, options.limit ? [...limited.slice(1), ...args] : args, {
    ...(options.limit ? { execPath: "/bin/sh" } : {}),
    execArgv: options.limit ? [] : (options.node ?? []),
    env: { ...env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    ...(options.cwd ? { cwd: options.cwd } : {}),
  });
  children.add(child);
  const messages = new Queue<unknown>();
  const lines = new Queue<string>();
  let errors = "";
  let rest = "";
  child.on("message", (message) => messages.push(message));
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) lines.push(line);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  // "close" rather than "exit": all of its output is there.
  const close = once(child, "close").then(([code, signal]): Ending => {
    children.delete(child);
    messages.end(`the program ended (${signal ?? code}) ${errors}`);
    lines.end(`the program ended (${signal ?? code}) ${errors}`);
    return { code, signal };
  });
  return {
    process: child,
    messages,
    lines,
    errors: () => errors,
    tell: (command, args = {}) => void child.send({ command, ...args }),
    ended: (ms) => within(`the end of ${program}`, close, ms),
  };
}

/** Blocks the JavaScript thread of fixtures/server.mjs. The function that is returned ends that, and waits until it has ended. */
export async function block(server: Child): Promise<() => Promise<void>> {
  const until = join(mkdtempSync(join(tmpdir(), "nself-realtime-block-")), "over");
  server.tell("block", { until });
  await server.lines.next("the block");
  return async () => {
    writeFileSync(until, "");
    await server.messages.next("the end of the block");
  };
}

/** Starts fixtures/server.mjs in a mode, and waits for its port. */
export async function startServerProgram(
  mode: string,
  serverOptions: object = {},
  options: ChildOptions = {},
): Promise<Child & { port: number }> {
  const child = start("server.mjs", [mode, JSON.stringify(serverOptions)], options);
  const { port } = (await child.messages.next(`the port of server.mjs ${mode}`)) as { port: number };
  return { ...child, port };
}
