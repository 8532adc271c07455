// The application's files: whether something keeps our package out of the bundles, and something starts the server. It
// reads texts and runs nothing, so it goes by the names that have to stand there.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, note, ok, problem } from "./check.js";

const CONFIG = ["js", "mjs", "cjs", "ts", "mts"].map((end) => `next.config.${end}`);
const INSTRUMENTATION = ["", "src/"].flatMap((folder) =>
  ["ts", "js", "mts", "mjs"].map((end) => `${folder}instrumentation.${end}`),
);
const CUSTOM_SERVER = ["ts", "js", "mts", "mjs", "cjs"].map((end) => `server.${end}`);

interface File {
  name: string;
  /** Without comments, which say what is not there as well as what is. */
  text: string;
}

function first(folder: string, names: string[]): File | undefined {
  const name = names.find((candidate) => existsSync(join(folder, candidate)));
  if (name === undefined) return undefined;
  const text = readFileSync(join(folder, name), "utf8");
  return { name, text: text.replace(/\/\*[\s\S]*?\*\/|(?<![:"'`])\/\/.*$/gm, "") };
}

/** next.config: withRealtime is called. */
export function checkConfig(folder: string): Check {
  const mend = 'write: import { withRealtime } from "nself-realtime/next"; export default withRealtime(nextConfig);';
  const config = first(folder, CONFIG);
  if (!config) return problem("next.config", "there is none, so Next bundles the native package", mend);
  const { name, text } = config;
  if (text.includes("nself-realtime/next") && /\bwithRealtime\s*\(/.test(text)) return ok("next.config", name);
  return problem("next.config", `${name} does not call withRealtime`, mend);
}

/** Something starts the server: instrumentation.ts, a custom server, or our command in a script. */
export function checkStart(folder: string): Check {
  const name = "start of the server";
  const instrumentation = first(folder, INSTRUMENTATION);
  if (instrumentation?.text.includes("nself-realtime")) {
    const { text } = instrumentation;
    if (!/\bregister\s*\(\s*\)?\s*[{:]|\bregister\s*=/.test(text) && !/export\s*\{[^}]*\bregister\b/.test(text)) {
      const found = `${instrumentation.name} exports no register(), which is what Next calls`;
      return problem(name, found, "export async function register() and call realtime.register() in it");
    }
    if (/^import\s+(?!type\b)[^;]*["']nself-realtime["']/m.test(text)) {
      const found = `${instrumentation.name} imports nself-realtime at its top, which Next also bundles for the edge`;
      const mend = 'use await import("nself-realtime") inside of if (process.env.NEXT_RUNTIME === "nodejs")';
      return problem(name, found, mend);
    }
    return ok(name, instrumentation.name);
  }
  const server = first(folder, CUSTOM_SERVER);
  if (server?.text.includes("nself-realtime")) return ok(name, `${server.name}, a custom server`);
  const scripts = first(folder, ["package.json"])?.text ?? "";
  if (/nself-realtime(?:\/register|\s+(?:dev|start)\b)/.test(scripts)) return ok(name, "a script of package.json");
  const found = "neither instrumentation.ts nor a custom server nor a script mentions nself-realtime";
  const mend = "add instrumentation.ts as in the README, or start Next by: npx nself-realtime dev";
  return note(name, found, mend);
}
