// Build step 1: Node parses each program of the services, without running it.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";

let failed = 0;
for (const name of readdirSync("services").sort()) {
  const { status, stderr } = spawnSync(process.execPath, ["--check", `services/${name}`], { encoding: "utf8" });
  console.log(`${status === 0 ? "✓" : "✗"} services/${name}`);
  if (status !== 0) {
    failed++;
    console.error(stderr.trim());
  }
}
console.log(failed === 0 ? "all programs parse" : `${failed} programs do not parse`);
process.exitCode = failed === 0 ? 0 : 1;
