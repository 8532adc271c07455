// `npm run mutations`: puts faults back that this server had (tests/mutations), each into a copy of its own, and demands that the
// simulation finds it; names choose some of them. A fault that no seed finds is a hole in the simulation.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Failure, main, root, run, step } from "./lib/run.mjs";

const FOLDER = "tests/mutations";
const COPY = `${root}/target/mutations/copy`;
const SIMULATION = ["test", "--quiet", "--no-default-features", "--lib", "hub::simulation"];

/** What the crate is made of, without what the fault changes. */
async function copy() {
  const parts = ["src", "tests", "Cargo.toml", "Cargo.lock", "build.rs"];
  const { output } = await run("git", ["ls-files", "--", ...parts], { quiet: true });
  rmSync(COPY, { recursive: true, force: true });
  for (const file of output.split("\n").filter(Boolean)) {
    mkdirSync(dirname(`${COPY}/${file}`), { recursive: true });
    copyFileSync(`${root}/${file}`, `${COPY}/${file}`);
  }
}

/** Which seed finds a fault, and what it says. */
async function find(name) {
  await copy();
  // The copy lies in a folder that git ignores, and `git apply` would, too: it is told that there is no repository.
  const env = { GIT_DIR: `${COPY}/none` };
  const patched = await run("git", ["apply", `${root}/${FOLDER}/${name}.patch`], {
    cwd: COPY,
    env,
    quiet: true,
    allowFailure: true,
  });
  if (patched.code !== 0) throw new Failure(`${FOLDER}/${name}.patch does not fit any more: make it anew`);
  const options = {
    cwd: COPY,
    env: { CARGO_TARGET_DIR: `${root}/target/mutations`, RUST_BACKTRACE: "0" },
    quiet: true,
    allowFailure: true,
  };
  const built = await run("cargo", [...SIMULATION, "--no-run"], options);
  if (built.code !== 0) throw new Failure(`${name}: what it makes of the source cannot be built`);
  const { code, output } = await run("cargo", SIMULATION, options);
  if (code === 0) return undefined;
  const seed = /seed (\d+) failed/.exec(output)?.[1];
  const said = /panicked at [^\n]+:\n([^\n]+)/.exec(output)?.[1];
  return seed && { seed, said };
}

async function mutations() {
  const known = readdirSync(`${root}/${FOLDER}`).map((file) => file.replace(/\.patch$/, ""));
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown) throw new Failure(`there is no fault ${unknown}; there are ${known.join(", ")}`);
  const missed = [];
  for (const name of asked.length > 0 ? asked : known) {
    step(`${name}: ${readFileSync(`${root}/${FOLDER}/${name}.patch`, "utf8").split("\n")[0]}`);
    const found = await find(name);
    if (found) console.log(`  found by seed ${found.seed}: ${found.said}`);
    else missed.push(name);
  }
  rmSync(COPY, { recursive: true, force: true });
  if (missed.length > 0) throw new Failure(`no seed finds: ${missed.join(", ")}`);
}

await main(import.meta.url, mutations);
