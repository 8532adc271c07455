// One test body on the official socket.io and on ours.
import { createRequire } from "node:module";
import { describe } from "vitest";
import { type Kind, kinds } from "./servers.js";

const require = createRequire(import.meta.url);

/** What `require("socket.io")` gives, or `require("nself-realtime")`. */
// biome-ignore lint/suspicious/noExplicitAny: the same code runs on both, whatever their types.
export function module(kind: Kind): any {
  return require(kind === "oracle" ? "socket.io" : "nself-realtime");
}

/** `body` for each of the two. */
export function onBoth(title: string, body: (kind: Kind) => void): void {
  describe.each(kinds)(`${title} (%s)`, body);
}
