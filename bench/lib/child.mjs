// A child process that takes commands as JSON lines and answers each by a line with the command's id.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const running = new Set();
process.on("exit", () => {
  for (const process of running) process.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

export class Child {
  #process;
  #name;
  #waiting = new Map();
  #next = 1;
  #failed;

  constructor(name, command, args) {
    this.#name = name;
    this.#process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    running.add(this.#process);
    this.#process.on("error", (error) => this.#fail(error.message));
    this.#process.on("exit", (code, signal) => {
      running.delete(this.#process);
      this.#fail(`ended (${signal ?? code})`);
    });
    // Writing to a child that has just died: its exit says all there is to say.
    this.#process.stdin.on("error", () => {});
    this.ready = this.#wait("ready", 20);
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const answer = JSON.parse(line);
      if (answer.lost) this.#fail(`lost ${answer.lost} connections`);
      else this.#settle(answer.id ?? (answer.done ? `done ${answer.done}` : "ready"), answer);
    });
  }

  /** Sends a command; resolves with its answer. Rejects after `seconds`, or when the child fails. */
  ask(command, seconds = 60) {
    const id = this.#next++;
    const answer = this.#wait(id, seconds);
    this.#process.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    return answer;
  }

  /** Resolves with the line that says that what command `id` began has come to its end. */
  done(id, seconds = 60) {
    return this.#wait(`done ${id}`, seconds);
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    // From here on its end, and the connections that it takes with it, are no failure.
    this.#failed = "stopped";
    this.#process.kill("SIGKILL");
    await ended;
  }

  #wait(key, seconds) {
    const promise = new Promise((resolve, reject) => {
      if (this.#failed) return reject(new Error(`${this.#name} ${this.#failed}`));
      const timer = setTimeout(() => reject(new Error(`${this.#name}: no answer in ${seconds} s`)), seconds * 1000);
      this.#waiting.set(key, { resolve, reject, timer });
    });
    // Whoever awaits it sees the error; one that nobody awaits any more must not end the run.
    promise.catch(() => {});
    return promise;
  }

  #settle(key, answer) {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    clearTimeout(waiting?.timer);
    waiting?.resolve(answer);
  }

  #fail(reason) {
    if (this.#failed) return;
    this.#failed = reason;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(`${this.#name} ${reason}`));
    }
    this.#waiting.clear();
  }
}
