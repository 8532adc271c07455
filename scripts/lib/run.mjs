// Runs a command for a script: shows its output, and ends the script with a short message if it fails.

import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** A failure that needs no stack trace. */
export class Failure extends Error {}

/** Says what happens now. */
export function step(text) {
  console.log(`\x1b[36m▸\x1b[0m ${text}`);
}

/**
 * Runs `command` in `cwd` (default: the root) and returns its exit code. `capture` also returns its standard output; `quiet` does that and
 * shows nothing unless it fails; `merge` takes the errors as output, too. Rejects with a Failure naming the command if that exits with another code than 0, unless `allowFailure`
 * is set.
 */
export async function run(
  command,
  args,
  { cwd = root, env = {}, capture = false, quiet = false, merge = false, allowFailure = false } = {},
) {
  const shell = process.platform === "win32";
  const child = spawn(command, args, {
    cwd,
    shell,
    env: { ...process.env, ...env },
    stdio: ["ignore", capture || quiet ? "pipe" : "inherit", quiet || merge ? "pipe" : "inherit"],
  });
  let output = "";
  let errors = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
    if (!quiet) process.stdout.write(chunk);
  });
  child.stderr?.on("data", (chunk) => {
    if (merge) {
      output += chunk;
      process.stderr.write(chunk);
    } else errors += chunk;
  });
  const code = await new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Failure(`${command} could not be started: ${error.message}`)));
    child.on("close", resolve);
  });
  if (code !== 0 && !allowFailure) {
    if (quiet) process.stderr.write(output + errors);
    throw new Failure(`failed (exit code ${code}): ${command} ${args.join(" ")}`);
  }
  return { code, output };
}

/** Runs a file of node_modules/.bin. */
export function bin(name, args, options) {
  const file = `${root}/node_modules/.bin/${name}`;
  return run(process.platform === "win32" ? `"${file}.cmd"` : file, args, options);
}

/** npm, without its notices. */
export function npm(args, options = {}) {
  const env = {
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    ...options.env,
  };
  return run("npm", args, { ...options, env });
}

/** Runs a script's main function, if this module is what was started. */
export async function main(url, work) {
  if (process.argv[1] === undefined || fileURLToPath(url) !== realpathSync(process.argv[1])) return;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`\x1b[31m✗\x1b[0m ${error.message}`);
    process.exitCode = 1;
  }
}
