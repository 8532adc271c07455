// Flags of an emit, and as the native side takes them.

import type { Policy } from "../options/policies.js";

/** Flags of the next emit. */
export interface EmitFlags {
  volatile?: boolean;
  timeout?: number;
  batch?: boolean;
  /** Without effect. */
  compress?: boolean;
  /** Without effect. */
  local?: boolean;
  policy?: Policy;
  /** With policy "latest": of which events the newest stays. */
  key?: string;
  /** One socket alone is meant: its acknowledgement is no list. */
  single?: boolean;
}

/** Flags of the native side's `emit`. */
export const VOLATILE = 1;
const BATCH = 2;
const POLICY = { close: 4, gap: 8, latest: 16 };

/** The flags of an emit as the native side takes them. */
export function flagBits(flags: EmitFlags): number {
  return (
    (flags.volatile ? VOLATILE : 0) |
    (flags.batch ? BATCH : 0) |
    (flags.policy === undefined ? 0 : POLICY[flags.policy])
  );
}
