// Prepares a clone: checks the toolchains and installs the npm packages of the lock file.

import { existsSync, statSync } from "node:fs";
import { Failure, main, npm, root, run, step } from "./lib/run.mjs";

const NODE = [20, 9];
const RUST = [1, 88];

function older([major, minor], [wantMajor, wantMinor]) {
  return major < wantMajor || (major === wantMajor && minor < wantMinor);
}

function checkNode() {
  const version = process.versions.node.split(".").map(Number);
  if (!older(version, NODE)) return;
  throw new Failure(
    `Node ${NODE.join(".")} or newer is needed, this is ${process.version}: install it from https://nodejs.org`,
  );
}

async function checkRust() {
  const hint = "install it with rustup (https://rustup.rs)";
  const { output } = await run("rustc", ["--version"], { quiet: true }).catch(() => {
    throw new Failure(`Rust ${RUST.join(".")} or newer is needed, and rustc was not found: ${hint}`);
  });
  const version = /(\d+)\.(\d+)/.exec(output);
  if (version && older([Number(version[1]), Number(version[2])], RUST)) {
    throw new Failure(`Rust ${RUST.join(".")} or newer is needed, this is ${output.trim()}: run "rustup update"`);
  }
  await run("cargo", ["--version"], { quiet: true }).catch(() => {
    throw new Failure(`cargo was not found beside rustc: ${hint}`);
  });
  if (process.platform === "win32") return;
  await run("cc", ["--version"], { quiet: true }).catch(() => {
    const how =
      process.platform === "darwin"
        ? "xcode-select --install"
        : "apt-get install build-essential, apk add build-base, …";
    throw new Failure(`a C compiler is needed for linking, and cc was not found: ${how}`);
  });
}

function packagesAreCurrent() {
  const installed = `${root}/node_modules/.package-lock.json`;
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${root}/package-lock.json`).mtimeMs;
}

/** Throws a Failure that says what to install. Does nothing, quickly, where all is there. */
export async function setup() {
  checkNode();
  await checkRust();
  if (packagesAreCurrent()) return;
  step("installing npm packages");
  // Installs the lock file's versions, as "npm ci" does, which however refuses a lock file without the optional packages of every
  // platform, and a registry mirror may not have them all.
  await npm(["install", "--no-save", "--prefer-offline", "--no-progress"], { quiet: true });
}

await main(import.meta.url, setup);
