// What the design promises of files: the directions of imports, and where unsafe code may be. Each rule names files, and
// what they must not contain.

import { readFileSync } from "node:fs";
import { root } from "./run.mjs";
import { filesOf } from "./stamp.mjs";

const imports = (pattern) => new RegExp(String.raw`(?:from|import|require)\s*\(?\s*["'](?:${pattern})["']`);

/** A module of the hub names none of those above it. */
const below = (module, above) => [
  {
    in: new RegExp(String.raw`^src/hub/${module}(?:\.rs$|/)`),
    never: new RegExp(String.raw`\b(?:crate::hub|super)::(?:\{[^}]*\b)?(?:${above.join("|")})\b`),
    because: `${module} is below ${above.join(", ")}`,
  },
];

/** The folders of ts/server, from the lowest up. */
const LAYERS = ["process", "options", "gate", "engine", "socketio", "nself"];

const RULES = [
  ...LAYERS.slice(0, -1).map((layer, at) => ({
    in: new RegExp(`^ts/server/${layer}/`),
    never: imports(String.raw`\.\./(?:${LAYERS.slice(at + 1).join("|")}|index\.js)(?:/.*)?`),
    because: `in ts/server ${layer} is below ${LAYERS.slice(at + 1).join(", ")}`,
  })),
  { in: /^ts\/events\.ts$/, never: /^\s*(?:import|export .* from)\b/, because: "events imports nothing" },
  {
    in: /^ts\/client\//,
    never: imports(String.raw`\.\./(?:server|next|react|cli)/.*`),
    because: "client imports events only",
  },
  { in: /^ts\/client\//, never: imports("node:.*"), because: "client code runs in browsers" },
  {
    in: /^ts\/react\//,
    never: imports(String.raw`\.\./(?:server|next|cli)/.*`),
    because: "react imports client and events only",
  },
  { in: /^ts\/react\//, never: imports("node:.*"), because: "client code runs in browsers" },
  {
    in: /^ts\/server\//,
    never: imports(String.raw`(?:\.\./)+(?:client|react|next|cli)/.*`),
    because: "server imports events only",
  },
  {
    in: /^ts\/next\//,
    never: imports(String.raw`\.\./(?:client|react|cli)/.*`),
    because: "next imports server and events only",
  },
  {
    in: /^src\/(?!node\/|lib\.rs$)/,
    never: /\b(?:crate::node|napi(?:_derive)?)\b(?!`)/,
    because: "only src/node knows Node",
  },
  {
    in: /^src\/(?:protocol|session)\b/,
    never: /\b(?:tokio|std::net|Instant::now|SystemTime::now)\b/,
    because: "protocol and session know no I/O and no clock",
  },
  {
    in: /^src\/(?:protocol|session)\b/,
    never: /\bcrate::(?:hub|transport)\b/,
    because: "they are below hub and transport",
  },
  { in: /^src\/protocol\b/, never: /\bcrate::session\b/, because: "protocol is below session" },
  { in: /^src\/hub\b/, never: /\bcrate::transport\b/, because: "hub is below transport" },
  {
    in: /^src\/hub\/core\b/,
    never: /\b(?:tokio|hyper|std::(?:net|thread|time)|clock|Instant|SystemTime|Timestamp::now)\b/,
    because: "the core knows no thread, no I/O and no clock",
  },
  ...below("core", ["runtime", "bus", "publish", "server", "simulation"]),
  ...below("runtime", ["bus", "publish", "server"]),
  ...below("bus", ["publish", "server"]),
  ...below("publish", ["server"]),
  ...[
    "account",
    "attendance",
    "context",
    "counters",
    "emit",
    "event",
    "form",
    "ids",
    "journal",
    "message",
    "registry",
    "run",
    "seeded",
  ].flatMap((data) => below(data, ["core", "runtime", "bus", "publish", "server", "stats"])),
  {
    in: /^src\/hub\/core\/(?!reap\.rs|directory\.rs|directory\/)/,
    never: /\bbury_/,
    because: "only reap takes anything out",
  },
  {
    in: /^src\/(?:protocol|session|guard)\b/,
    never: /\bFxHash/,
    because: "clients choose the keys there: a hash without a seed lets them all collide",
  },
  {
    in: /^src\/(?:hub|transport)\b/,
    never:
      /\bFxHash(?:Map|Set)<(?!(?:u32|\(u32, u32\)|Id|GroupId|SocketId|SocketKey|Member)[,>])|IndexMap<(?!SocketId,).*FxBuildHasher/,
    because: "only numbers and ids of ours may have a hash without a seed: other keys are chosen by clients",
  },
  {
    in: /^src\/(?!node\/|transport\/takeover\.rs$)/,
    never: /\bunsafe(?:_code)?\b/,
    because: "only src/node and the take-over may be unsafe",
  },
];

const isComment = (line) => /^\s*(?:\/\/|\*|\/\*)/.test(line);

/** Every line that breaks a rule, as `file:line: reason`. */
export function wrongDirections() {
  const found = [];
  for (const file of filesOf(["ts", "src"])) {
    const rules = RULES.filter((rule) => rule.in.test(file));
    if (rules.length === 0) continue;
    for (const [index, line] of readFileSync(`${root}/${file}`, "utf8").split("\n").entries()) {
      // What only tests need may come from anywhere.
      if (line === "mod tests {") break;
      if (isComment(line)) continue;
      for (const { never, because } of rules)
        if (never.test(line)) found.push(`${file}:${index + 1}: ${because}: ${line.trim()}`);
    }
  }
  return found;
}
