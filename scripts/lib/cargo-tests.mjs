// Runs `cargo test`, tells how far it is, and reads from its output which tests failed.

import { spawn } from "node:child_process";
import { follow } from "./progress.mjs";
import { root } from "./run.mjs";

/** What cargo says of a target before its tests: how to choose it in a command. */
function targetOf(line) {
  const file = /^\s+Running (?:unittests )?(\S+) \(/.exec(line)?.[1];
  if (file === undefined) return /^\s+Doc-tests /.test(line) ? "--doc" : undefined;
  return file.startsWith("tests/") ? `--test ${/^tests\/([^/.]+)/.exec(file)?.[1]}` : "--lib";
}

/** Reads the two streams of `cargo test`, which are not in step: the n-th "running" of one belongs to the n-th target of the other. */
export class CargoOutput {
  passed = 0;
  compiled = 0;
  /** The tests that failed: target and name. */
  failed = [];
  /** What a failed test printed, and everything that the compiler had to say. */
  details = "";
  #targets = [];
  #target = -1;
  #rest = { out: "", err: "" };
  #inFailures = false;

  /** What is being done. */
  get doing() {
    const target = this.#targets[Math.max(this.#target, this.#targets.length - 1)];
    return target === undefined
      ? `compiled ${this.compiled} crates`
      : `${target.replace(/^--(?:test )?/, "")}: ${this.passed} tests passed${this.failed.length > 0 ? `, ${this.failed.length} failed` : ""}`;
  }

  /** What one of them printed. */
  reason({ name }) {
    return this.details.split(`---- ${name} stdout ----\n`)[1]?.split("\n---- ")[0];
  }

  /** How to run one of them again. */
  rerun({ target, name }) {
    return `cargo test ${this.#targets[target] ?? "--lib"} -- --exact '${name}'`;
  }

  read(stream, chunk) {
    const lines = (this.#rest[stream] + chunk).split("\n");
    this.#rest[stream] = lines.pop();
    for (const line of lines) stream === "out" ? this.#test(line) : this.#cargo(line);
  }

  #test(line) {
    if (/^running \d+ tests?$/.test(line)) this.#target++;
    // One that ran for long has its result on a line of its own.
    const [, name, result] = /^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/.exec(line) ?? [];
    if (result === "ok") this.passed++;
    if (result === "FAILED") this.failed.push({ target: this.#target, name });
    if (line === "failures:") this.#inFailures = true;
    if (line.startsWith("test result:")) this.#inFailures = false;
    if (this.#inFailures) this.details += `${line}\n`;
  }

  #cargo(line) {
    const target = targetOf(line);
    if (target !== undefined) this.#targets.push(target);
    else if (/^\s+Compiling /.test(line)) this.compiled++;
    else if (!/^\s+(?:Finished|Blocking|Downloaded|Downloading|Updating|Locking)\b/.test(line))
      this.details += `${line}\n`;
  }
}

/** Resolves with how many passed, and the tests that failed, each with its command. */
export async function cargoTests(env) {
  const output = new CargoOutput();
  const child = spawn("cargo", ["test", "--no-fail-fast"], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.setEncoding("utf8").on("data", (chunk) => output.read("out", chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => output.read("err", chunk));
  const stop = follow(() => output.doing);
  const code = await new Promise((resolve) => {
    child.once("error", (error) => {
      output.details += `cargo could not be started: ${error.message}\n`;
      resolve(1);
    });
    child.once("close", resolve);
  });
  stop();
  const failed = output.failed.map((test) => ({
    name: test.name,
    reason: output.reason(test),
    rerun: output.rerun(test),
  }));
  // A test that does not compile is counted by nobody.
  if (code !== 0 && failed.length === 0) failed.push({ name: "cargo test", rerun: "cargo test" });
  if (failed.length > 0) process.stderr.write(output.details);
  return { passed: output.passed, failed };
}
