// A child process whose output a test can wait for, and which never outlives the tests.

import { type ChildProcess, spawn } from "node:child_process";

export interface ProgramOptions {
  cwd: string;
  env?: Record<string, string>;
  /** The Node binary; default: this one's. */
  node?: string;
}

/** How long a program may take to print what a test waits for, or to end, in ms. */
const PATIENCE = 180_000;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Program {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output = "";
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  private watchers = new Set<() => void>();

  constructor(args: string[], { cwd, env = {}, node = process.execPath }: ProgramOptions) {
    const inherited: NodeJS.ProcessEnv = { ...process.env };
    // Vitest's own settings are not the program's.
    for (const name of Object.keys(inherited))
      if (/^(?:VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$)/.test(name)) delete inherited[name];
    this.child = spawn(node, args, { cwd, env: { ...inherited, NEXT_TELEMETRY_DISABLED: "1", ...env }, stdio: "pipe" });
    running.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk;
        for (const watch of this.watchers) watch();
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        running.delete(this.child);
        resolve(code ?? signal);
      });
    });
  }

  /** Resolves with the first match of `pattern` in the output; rejects, with the output, if the program ends or says nothing. */
  printed(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.watchers.delete(look);
        settle();
      };
      const fail = (what: string) =>
        finish(() => reject(new Error(`the program ${what} before it printed ${pattern}:\n${this.output}`)));
      const look = () => {
        const match = this.output.match(pattern);
        if (match) finish(() => resolve(match));
      };
      const timer = setTimeout(() => fail(`waited ${PATIENCE} ms`), PATIENCE);
      this.watchers.add(look);
      void this.ended.then((code) => fail(`ended (${code})`));
      look();
    });
  }

  /** Asks the program to end, and resolves with its exit code; rejects, after ending it by force, if it does not. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals | null> {
    this.child.kill(signal);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.child.kill("SIGKILL");
    }, PATIENCE);
    const code = await this.ended;
    clearTimeout(timer);
    if (late) throw new Error(`the program did not end within ${PATIENCE} ms of ${signal}:\n${this.output}`);
    return code;
  }
}
