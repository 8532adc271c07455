// Brings the peers and the load generator in place, and describes the machine.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";

const bench = fileURLToPath(new URL("..", import.meta.url));

function run(what, command, args) {
  console.error(`${what}: ${command} ${args.join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd: bench, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`${what} failed${error ? `: ${error.message}` : ""}`);
}

/** Installs the peers if they are missing, and builds the load generator and `crates` (quick when nothing changed). */
export function prepare(crates) {
  if (!existsSync(`${bench}node_modules`)) run("installing the peers", "npm", ["ci", "--no-audit", "--no-fund"]);
  for (const crate of new Set(["loadgen", ...crates])) {
    const manifest = ["--manifest-path", `${crate}/Cargo.toml`, "--target-dir", "target"];
    run(`building ${crate}`, "cargo", ["build", "--release", "--locked", "--quiet", ...manifest]);
  }
}

/** Whether the package itself has been built. */
export function packageIsBuilt() {
  return existsSync(`${bench}../dist/esm/server/index.js`);
}

export function machine() {
  const cpus = os.cpus();
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  return `${cpus[0].model.trim()}, ${cpus.length} cores, ${memory}; Linux ${os.release()}; load ${loadAverage()} at the start`;
}

function loadAverage() {
  return readFileSync("/proc/loadavg", "utf8").split(" ")[0];
}
