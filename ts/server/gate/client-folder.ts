// Where socket.io-client is installed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { packagePath } from "../process/binding.js";

/** Its folder of files for browsers, and its version: beside this package, or where the process runs. Undefined: there is none. */
export function clientFolder(): { folder: string; version: string } | undefined {
  for (const from of [packagePath(), join(process.cwd(), "package.json")]) {
    try {
      const manifest = createRequire(from).resolve("socket.io-client/package.json");
      const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
      return { folder: join(manifest, "../dist"), version };
    } catch {
      // Not there.
    }
  }
  return undefined;
}
