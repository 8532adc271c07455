// Runs one program to its end, handing over its output as it comes.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { childEnvironment } from "./child-environment";

export interface ProgramRun {
  /** The exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
  kill(): void;
}

/** Starts `node ...args` in the app's folder. */
export function runProgram(args: string[], env: Record<string, string>, onLine: (line: string) => void): ProgramRun {
  const child = spawn(process.execPath, args, {
    cwd: process.cwd(),
    env: { ...childEnvironment(), NODE_ENV: "test", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  createInterface({ input: child.stdout }).on("line", onLine);
  createInterface({ input: child.stderr }).on("line", onLine);
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("error", (error) => {
      onLine(error.message);
      resolve(1);
    });
    child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
  });
  void ended.then(() => process.off("exit", killAtExit));
  return { ended, kill: () => child.kill("SIGTERM") };
}
