// The native side by itself, called with whatever JavaScript has: it answers or throws an error with a code. It never takes the
// process down.
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";

vi.setConfig({ testTimeout: 120_000 });

afterEach(endChildren);

test("every function that is exported contains its panics", () => {
  const folder = new URL("../src/node/", import.meta.url);
  const loose: string[] = [];
  let exported = 0;
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), "utf8");
    for (const [, attribute, name] of source.matchAll(/#\[napi(.*)\]\s*(?:#\[.*\]\s*)*pub fn (\w+)/g)) {
      exported++;
      if (!attribute!.includes("catch_unwind")) loose.push(`${file}: ${name}`);
    }
  }
  expect(loose).toEqual([]);
  expect(exported).toBeGreaterThan(40);
});

test("odd values into every export", async () => {
  const child = start("odd-values.mjs");
  const codes: Record<string, number> = {};
  for (;;) {
    const message = (await child.messages.next("the next export", 60_000)) as Odd;
    if (message.over) break;
    // A wrong value is answered, or refused by a code of ours that fits.
    expect(message).toMatchObject({ plain: [] });
    expect(message.codes).not.toHaveProperty("ERR_INTERNAL");
    for (const [code, count] of Object.entries(message.codes)) codes[code] = (codes[code] ?? 0) + count;
  }
  expect(await child.ended()).toEqual({ code: 0, signal: null });
  expect(codes.ERR_INVALID_ARGUMENT).toBeGreaterThan(1000);
  expect(child.errors()).not.toContain("panicked");
});

interface Odd {
  over?: boolean;
  name: string;
  /** What was thrown without a code of ours. */
  plain: string[];
  codes: Record<string, number>;
}
