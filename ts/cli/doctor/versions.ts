// Versions: Node, and the packages that ours is used with, against the ranges of our own package.json.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { nativePath } from "../../server/process/load-native.cjs";
import { type Check, note, ok, problem } from "./check.js";

/** The parts of our package.json that matter here. */
export interface Manifest {
  version: string;
  engines: { node: string };
  peerDependencies: Record<string, string>;
}

/** Our own package.json. */
export function ownManifest(): Manifest {
  return JSON.parse(readFileSync(join(dirname(nativePath()), "package.json"), "utf8")) as Manifest;
}

/** What an application can do without each package. */
const NEEDED_FOR: Record<string, string> = {
  next: "a server without Next, by attach() or listen()",
  react: "no hooks, nself-realtime/react",
  "socket.io-client": "no browser code, nself-realtime/client and nself-realtime/react",
};

/** The ranges that we write: `>=a.b` and `^a.b.c`. */
function fits(version: string, range: string): boolean {
  const numbers = (text: string) => (text.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  const [have, least] = [numbers(version), numbers(range)];
  if (range.startsWith("^") && have[0] !== least[0]) return false;
  for (const [index, want] of least.entries()) {
    const is = have[index] ?? 0;
    if (is !== want) return is > want;
  }
  return true;
}

/** Node itself. */
export function checkNode({ engines }: Manifest): Check {
  const { version } = process;
  return fits(version, engines.node)
    ? ok("node", `${version} (needs ${engines.node})`)
    : problem("node", `${version}, but ${engines.node} is needed`, "install a newer Node from https://nodejs.org");
}

/** next, react and socket.io-client, as the application in `folder` gets them. */
export function checkPeers(folder: string, { peerDependencies }: Manifest): Check[] {
  return Object.entries(peerDependencies).map(([name, range]) => {
    const version = versionOf(folder, name);
    if (version === undefined) return note(name, `not installed: ${NEEDED_FOR[name]}`, `npm install ${name}`);
    return fits(version, range)
      ? ok(name, `${version} (needs ${range})`)
      : problem(name, `${version}, but ${range} is needed`, `npm install "${name}@${range}"`);
  });
}

function versionOf(folder: string, name: string): string | undefined {
  try {
    const path = createRequire(join(folder, "package.json")).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}
