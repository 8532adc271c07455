// A reporter of vitest: says how far it is while the files that run have nothing to show yet.

import { relative } from "node:path";
import { follow } from "./progress.mjs";
import { root } from "./run.mjs";

export default class Progress {
  #running = new Set();
  #files = { done: 0, all: 0 };
  #tests = { passed: 0, failed: 0 };
  #stop = () => {};

  onTestRunStart(specifications) {
    this.#files.all = specifications.length;
    this.#stop = follow(() => {
      const { passed, failed } = this.#tests;
      const counts = failed > 0 ? `${passed} tests passed, ${failed} failed` : `${passed} tests passed`;
      return `${this.#files.done} of ${this.#files.all} files, ${counts}; running ${[...this.#running].join(", ")}`;
    });
  }

  onTestModuleStart({ moduleId }) {
    this.#running.add(relative(root, moduleId));
  }

  onTestCaseResult(test) {
    const { state } = test.result();
    if (state === "passed" || state === "failed") this.#tests[state]++;
  }

  onTestModuleEnd({ moduleId }) {
    this.#running.delete(relative(root, moduleId));
    this.#files.done++;
  }

  onTestRunEnd() {
    this.#stop();
  }
}
