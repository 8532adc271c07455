// Whether this is `next build`.

/** Whether this is `next build`, which loads the application's modules without serving anybody. */
export function building(): boolean {
  return process.env.NEXT_PHASE === "phase-production-build";
}
