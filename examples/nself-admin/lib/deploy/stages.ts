// The stages of a deployment, on real folders: <data>/releases/<environment>/<release>, and the link "current" to one of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { childEnvironment } from "../child-environment";
import { runProgram } from "../run-program";
import type { Release, STAGES } from "./types";

export interface Deployment {
  /** The build's folder. */
  build: string;
  /** The environment's folder. */
  environment: string;
  release: Release;
  log(line: string): void;
}

const RELEASES_KEPT = 3;
const TRY_TIMEOUT = 15_000;

type Stage = (deployment: Deployment) => Promise<void>;

const verify: Stage = async ({ build, log }) => {
  const code = await runProgram(["tasks/verify.mjs"], { NSELF_BUILD: build }, log).ended;
  if (code !== 0) throw new Error(`the build is not what it was (${code})`);
};

const copy: Stage = async ({ build, environment, release, log }) => {
  const target = join(environment, release.name);
  await mkdir(environment, { recursive: true });
  await cp(build, target, {
    recursive: true,
    filter: (source) => {
      if (/\.\w+$/.test(source)) log(source.slice(build.length + 1));
      return true;
    },
  });
  await writeFile(join(target, "release.json"), JSON.stringify(release));
};

const tryOut: Stage = async ({ environment, release, log }) => {
  const program = join(environment, release.name, "services", "api.mjs");
  const child = spawn(process.execPath, [program], { env: childEnvironment(), stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  try {
    const signal = AbortSignal.timeout(TRY_TIMEOUT);
    let port: string | undefined;
    for await (const line of createInterface({ input: child.stdout, signal })) {
      log(line);
      port = line.match(/listening on port (\d+)/)?.[1];
      if (port) break;
    }
    if (!port) throw new Error("the release's API does not start");
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal });
    log(`GET /health ${response.status} ${await response.text()}`);
    if (!response.ok) throw new Error("the release's API is not healthy");
  } finally {
    child.stdout.resume();
    child.kill("SIGTERM");
    await ended;
  }
};

const switchOver: Stage = async ({ environment, release, log }) => {
  const link = join(environment, "current");
  const before = await readlink(link).catch(() => "nothing");
  // A rename replaces the old link in one step: "current" is never missing.
  await symlink(release.name, `${link}.new`, "dir");
  await rename(`${link}.new`, link);
  log(`current: ${before} → ${release.name}`);
};

const clean: Stage = async ({ environment, log }) => {
  const releases = (await readdir(environment)).filter((name) => name !== "current").sort();
  for (const name of releases.slice(0, -RELEASES_KEPT)) {
    await rm(join(environment, name), { recursive: true, force: true });
    log(`removed ${name}`);
  }
  log(`releases kept: ${Math.min(releases.length, RELEASES_KEPT)}`);
};

/** What each stage does; it fails by throwing. */
export const DO: Record<(typeof STAGES)[number]["stage"], Stage> = {
  verify,
  copy,
  try: tryOut,
  switch: switchOver,
  clean,
};
