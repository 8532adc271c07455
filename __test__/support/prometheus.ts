// A strict reader of the Prometheus text form (version 0.0.4), as far as this package uses it. Anything odd throws.

export interface Family {
  type: "counter" | "gauge" | "histogram";
  help: string;
  /** Value by what follows the family's name: `""`, `{transport="polling"}`, `_bucket{le="+Inf"}`, `_sum`. */
  samples: Map<string, number>;
}

const NAME = /^[a-z_]+$/;
const SAMPLE = /^([a-z_]+)(?:\{([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"\})? (\S+)$/;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/;

function numberOf(text: string): number {
  if (!NUMBER.test(text)) throw new Error(`not a number: ${text}`);
  return Number(text.replace("Inf", "Infinity"));
}

/** Reads metrics. Each family has its HELP, its TYPE, then its samples, all in one place. */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, Family>();
  let name = "";
  let help: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const helps = /^# HELP (\S+) (.+)$/.exec(line);
    if (helps) {
      if (help !== undefined) throw new Error(`no TYPE after HELP of ${name}`);
      [name, help] = [helps[1]!, helps[2]!];
      if (!NAME.test(name)) throw new Error(`a bad name: ${name}`);
      if (families.has(name)) throw new Error(`${name} comes twice`);
      continue;
    }
    const types = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (types) {
      if (help === undefined || types[1] !== name) throw new Error(`TYPE without HELP before it: ${line}`);
      families.set(name, { type: types[2] as Family["type"], help, samples: new Map() });
      help = undefined;
      continue;
    }
    const sample = SAMPLE.exec(line);
    const family = families.get(name);
    if (!sample || !family || help !== undefined) throw new Error(`a line out of place: ${line}`);
    const [, full = "", label, value, number = ""] = sample;
    const suffix = full.slice(name.length);
    const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!full.startsWith(name) || !suffixes.includes(suffix)) throw new Error(`not a sample of ${name}: ${line}`);
    if ((suffix === "_bucket") !== (label === "le"))
      throw new Error(`"le" belongs to buckets, and they to it: ${line}`);
    const key = suffix + (label === undefined ? "" : `{${label}="${value}"}`);
    if (family.samples.has(key)) throw new Error(`a sample comes twice: ${line}`);
    family.samples.set(key, numberOf(number));
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function check(name: string, { type, samples }: Family): void {
  if (samples.size === 0) throw new Error(`${name} has no samples`);
  if ((type === "counter") !== name.endsWith("_total"))
    throw new Error(`counters end in _total, and only they: ${name}`);
  for (const [key, value] of samples) {
    if (type !== "gauge" && !(value >= 0)) throw new Error(`${name}${key} is ${value}`);
  }
  if (type !== "histogram") return;
  const buckets = [...samples].filter(([key]) => key.startsWith("_bucket"));
  const bounds = buckets.map(([key]) => numberOf(/"(.*)"/.exec(key)![1]!));
  const counts = buckets.map(([, value]) => value);
  const rises = (values: number[], strictly: boolean) =>
    values.every((value, i) => i === 0 || value > values[i - 1]! || (!strictly && value === values[i - 1]));
  if (!rises(bounds, true) || bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`${name}: bounds ${bounds}`);
  if (!rises(counts, false)) throw new Error(`${name}: its buckets are not cumulative: ${counts}`);
  if (counts.at(-1) !== samples.get("_count")) throw new Error(`${name}: +Inf is not the count`);
  if (!samples.has("_sum")) throw new Error(`${name} has no sum`);
}
