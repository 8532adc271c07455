// `npm run audit`: known advisories of what we depend on, Rust and npm, as far as their data can be had. Says what it
// could not ask. `--offline-is-fine`: that is no failure.

import { Failure, main, root, run, step } from "./lib/run.mjs";

const UNREACHABLE =
  /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOAUDIT|audit endpoint|couldn't fetch|failed to fetch|network|E40\d|E50\d/i;

const AUDITS = [
  {
    name: "cargo audit",
    command: "cargo",
    args: ["audit", "--file", `${root}/Cargo.lock`],
    install: "cargo install cargo-audit --locked",
  },
  { name: "npm audit of what is shipped", command: "npm", args: ["audit", "--omit=dev"] },
  { name: "npm audit", command: "npm", args: ["audit", "--audit-level=high"] },
];

async function audit() {
  const found = [];
  const unasked = [];
  for (const { name, command, args, install } of AUDITS) {
    step(name);
    const { code, output } = await run(command, args, { capture: true, merge: true, allowFailure: true });
    if (code === 0) continue;
    if (install && /no such command/.test(output)) unasked.push(`${name} (${install})`);
    else if (UNREACHABLE.test(output)) unasked.push(`${name} (its data cannot be reached)`);
    else found.push(name);
  }
  if (unasked.length > 0) console.log(`not asked: ${unasked.join("; ")}`);
  if (found.length > 0) throw new Failure(`advisories: ${found.join(", ")}`);
  if (unasked.length > 0 && !process.argv.includes("--offline-is-fine")) process.exitCode = 2;
}

await main(import.meta.url, audit);
