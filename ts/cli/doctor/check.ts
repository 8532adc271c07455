// What a check of the doctor says.

export interface Check {
  /** What was looked at, such as `next`. */
  name: string;
  /** A note is no problem, but may explain one. */
  status: "ok" | "note" | "problem";
  /** What was found. */
  found: string;
  /** What mends it. */
  mend?: string;
}

export const ok = (name: string, found: string): Check => ({ name, status: "ok", found });
export const note = (name: string, found: string, mend?: string): Check => ({
  name,
  status: "note",
  found,
  ...(mend && { mend }),
});
export const problem = (name: string, found: string, mend: string): Check => ({ name, status: "problem", found, mend });
