// The application's files: whether something keeps our package out of the bundles, and something starts the server. It
// reads and runs nothing, so it goes by what the code imports, exports and calls.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { apiPages, configFile, customServer, instrumentation, misplacedMessage, reaches } from "../application.js";
import { calls, constructs, exportOf, importsOf, readSource } from "../source.js";
import { type Check, ok, problem } from "./check.js";

const INIT = "run: npx nself-realtime init";

/** A check that reads code; code that cannot be parsed is a problem of its own. */
function reading(name: string, check: () => Check): Check {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return problem(name, error.message, "mend the file");
  }
}

/** next.config: withRealtime is called. */
export function checkConfig(folder: string): Check {
  const name = "next.config";
  return reading(name, () => {
    const mend = `${INIT}, or write: import { withRealtime } from "nself-realtime/next"; export default withRealtime(nextConfig);`;
    const file = configFile(folder);
    const source = file && readSource(join(folder, file));
    if (!source) return problem(name, "there is none, so Next bundles the native package", mend);
    if (importsOf(source).has("nself-realtime/next") && calls(source, "withRealtime")) return ok(name, file);
    return problem(name, `${file} does not call withRealtime`, mend);
  });
}

/** Something starts the server: instrumentation.ts, a custom server, a route of pages/api, or our command in a script. */
export function checkStart(folder: string): Check {
  const name = "start of the server";
  return reading(name, () => {
    const { used, misplaced } = instrumentation(folder);
    if (misplaced && (!used || reaches(folder, misplaced, "nself-realtime"))) {
      return problem(name, misplacedMessage(folder, misplaced), "move the file");
    }
    if (used && reaches(folder, used, "nself-realtime")) {
      const source = readSource(join(folder, used));
      if (source && exportOf(source, "register")) return ok(name, used);
      const mend = 'write in it: export { register } from "nself-realtime";';
      return problem(name, `${used} exports no register(), which is what Next calls`, mend);
    }
    const server = customServer(folder);
    if (server && reaches(folder, server, "nself-realtime")) return ok(name, `${server}, a custom server`);
    const page = apiPages(folder).find((file) => reaches(folder, file, "nself-realtime") && startsServer(folder, file));
    if (page) return ok(name, `${page}, with its first request`);
    if (scripts(folder).some((script) => /nself-realtime(?:\/register|\s+(?:dev|start)\b)/.test(script))) {
      return ok(name, "a script of package.json");
    }
    const found =
      "nothing starts it: no instrumentation.ts, custom server or script of package.json has nself-realtime";
    return problem(name, found, `${INIT}, or start Next by: npx nself-realtime dev`);
  });
}

/** Whether a file makes a `Server` or attaches one, rather than only emitting. */
function startsServer(folder: string, file: string): boolean {
  const source = readSource(join(folder, file));
  return source !== undefined && (calls(source, "attach") || constructs(source, "Server"));
}

function scripts(folder: string): string[] {
  const { scripts = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    scripts?: Record<string, string>;
  };
  return Object.values(scripts);
}
