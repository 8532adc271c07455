// `npm run fuzz`: runs each fuzz target for a million executions, or as many as `--runs` says; names choose some of them.
// It starts from fuzz/corpus; of what it finds, those inputs are added there that are needed to reach all the code that
// was reached.

import { mkdirSync, readdirSync } from "node:fs";
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
    const found = `fuzz/target/corpus/${target}`;
    mkdirSync(`${root}/${found}`, { recursive: true });
    const fuzzer = (folders, options) =>
      run("cargo", ["+nightly", "fuzz", "run", target, ...folders, "--", `-max_len=${LENGTH}`, ...options], {
        allowFailure: true,
      });
    const kept = `fuzz/corpus/${target}`;
    const options = [`-runs=${values.runs}`, `-max_total_time=${TIME}`, "-print_final_stats=1"];
    const { code } = await fuzzer([found, kept], options);
    if (code !== 0) failed.push(target);
    else await fuzzer([kept, found], ["-merge=1", "-set_cover_merge=1"]);
  }
  if (failed.length > 0) throw new Failure(`found something, see fuzz/artifacts: ${failed.join(", ")}`);
}

await main(import.meta.url, fuzz);
