// `npm run fuzz`: runs each fuzz target for a million executions, or as many as `--runs` says; names choose some of them.
// The corpus is kept in fuzz/corpus: new inputs that reach new code stay, minimised, where they are small.

import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { Failure, main, root, run, step } from "./lib/run.mjs";

/** Longest input, in bytes: what is committed stays small. */
const LENGTH = 4096;
/** Longest time of one target, in seconds. */
const TIME = 1800;

async function has(command, args) {
  try {
    return (await run(command, args, { quiet: true, allowFailure: true })).code === 0;
  } catch {
    return false;
  }
}

async function fuzz() {
  const { values, positionals } = parseArgs({
    options: { runs: { type: "string", default: "1000000" } },
    allowPositionals: true,
  });
  if (!(await has("cargo", ["+nightly", "--version"]))) {
    throw new Failure("fuzzing needs the nightly toolchain: rustup toolchain install nightly --profile minimal");
  }
  if (!(await has("cargo", ["fuzz", "--version"]))) {
    throw new Failure("fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked");
  }
  const known = readdirSync(`${root}/fuzz/fuzz_targets`).map((file) => file.replace(/\.rs$/, ""));
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown) throw new Failure(`there is no target ${unknown}; there are ${known.join(", ")}`);
  const failed = [];
  for (const target of positionals.length > 0 ? positionals : known) {
    step(`${target}: ${values.runs} executions`);
    const options = [`-runs=${values.runs}`, `-max_len=${LENGTH}`, `-max_total_time=${TIME}`, "-print_final_stats=1"];
    const { code } = await run("cargo", ["+nightly", "fuzz", "run", target, "--", ...options], { allowFailure: true });
    if (code !== 0) failed.push(target);
  }
  if (failed.length > 0) throw new Failure(`found something, see fuzz/artifacts: ${failed.join(", ")}`);
}

await main(import.meta.url, fuzz);
