// The same client actions on the official server and on ours must leave the same record, but for the listed differences.
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Case, type Transcript, transcribe } from "./differential/case.js";
import { differences } from "./differential/differences.js";
import { allCases } from "./differential/index.js";
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
  expect(Object.keys(differences).filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(groups)("%s", (name) => {
  const cases = allCases.filter((one) => one.group === name);
  test.concurrent.each(cases.map((one) => [one.name, one] as const))("%s", { timeout: 60_000 }, async (_name, one) => {
    // With ORACLE_ONLY the oracle runs twice: its own transcripts must be equal, or the case is worth nothing.
    const [oracle, ours] = await Promise.all([
      transcribe(one, "oracle"),
      transcribe(one, oracleOnly ? "oracle" : "ours"),
    ]);
    keep(one, oracle, ours);
    expect(oracle.failed, "the case does not work on the oracle").toBeUndefined();
    const difference = differences[title(one)];
    if (!difference) return expect(ours).toEqual(oracle);
    const expected = difference.ours(structuredClone(oracle));
    expect(expected, "a listed difference that is none").not.toEqual(oracle);
    if (oracleOnly) return expect(ours).toEqual(oracle);
    expect(ours, `the listed difference no longer differs: ${difference.reason}`).not.toEqual(oracle);
    expect(ours, difference.reason).toEqual(expected);
  });
});
