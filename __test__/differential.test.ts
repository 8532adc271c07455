// The same client actions on the official server and on ours must leave the same record, but for the listed differences.
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Case, type Transcript, transcribe } from "./differential/case.js";
import { differences } from "./differential/differences.js";
import { allCases } from "./differential/index.js";
import { unsupported } from "./differential/unsupported.js";
import { oracleOnly } from "./support/servers.js";

const title = (one: Case) => `${one.group}: ${one.name}`;
const groups = [...new Set(allCases.map((one) => one.group))];

/** TRANSCRIPTS=<folder> keeps what each side left, to look at. */
function keep(one: Case, oracle: Transcript, ours: Transcript): void {
  const folder = process.env.TRANSCRIPTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const file = `${allCases.indexOf(one)}-${title(one)
    .replace(/[^\w]+/g, "-")
    .slice(0, 80)}`;
  writeFileSync(`${folder}/${file}.json`, JSON.stringify({ case: title(one), oracle, ours }, null, 1));
}

test("every case has its own name, and every difference is one of them", () => {
  const names = allCases.map(title);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  const listed = [...Object.keys(differences), ...Object.keys(unsupported)];
  expect(listed.filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(groups)("%s", (name) => {
  const cases = allCases.filter((one) => one.group === name);
  // The time of one includes that of those beside it.
  test.concurrent.each(cases.map((one) => [one.name, one] as const))("%s", { timeout: 900_000 }, async (_name, one) => {
    // With ORACLE_ONLY the oracle runs twice: its own transcripts must be equal, or the case is worth nothing.
    const first = transcribe(one, "oracle");
    const entries = first.then((transcript) => transcript.server.length);
    const [oracle, ours] = await Promise.all([first, transcribe(one, oracleOnly ? "oracle" : "ours", entries)]);
    keep(one, oracle, ours);
    expect(oracle.failed, "the case does not work on the oracle").toBeUndefined();
    const refusal = unsupported[title(one)];
    if (refusal && !oracleOnly) {
      return expect(ours.failed, "it was listed as refused; if it works now, take it off the list").toMatch(refusal);
    }
    const difference = differences[title(one)];
    if (!difference) return expect(ours).toEqual(oracle);
    const expected = difference.ours(structuredClone(oracle));
    expect(oracle, "a listed difference that is none").not.toEqual(expected);
    if (oracleOnly) return expect(ours).toEqual(oracle);
    expect(ours, `the listed difference no longer differs: ${difference.reason}`).not.toEqual(oracle);
    expect(ours, difference.reason).toEqual(expected);
  });
});
