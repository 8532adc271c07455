// What may happen to an event that waits in a full outbox: by the emit, or by the event's name in the options.

import type { NativePolicy } from "../../../native.js";
import { invalid, object } from "./option-checks.js";

/** `close`: the client is disconnected; `gap`: the oldest go and a `gap` event tells; `latest`: the newest of a key stays. */
export type Policy = "close" | "gap" | "latest";

/** By event name; `{ latest: field }` keeps the newest for each value that this field of the event's first argument has. */
export type Policies = Record<string, Policy | { latest: string }>;

const POLICIES: readonly unknown[] = ["close", "gap", "latest"];

/** Throws ERR_INVALID_OPTION. @internal */
export function checkPolicy(name: string, value: unknown): Policy {
  if (!POLICIES.includes(value)) invalid(name, '"close", "gap" or "latest"');
  return value as Policy;
}

/** The option `policies` as the native side takes it. Throws ERR_INVALID_OPTION. @internal */
export function parsePolicies(value: unknown): NativePolicy[] {
  return Object.entries(object("policies", value)).map(([event, policy]) => {
    const name = `policies.${event}`;
    if (typeof policy !== "object" || policy === null) return { event, policy: checkPolicy(name, policy) };
    const { latest } = policy as { latest?: unknown };
    if (typeof latest !== "string" || latest === "") invalid(name, '"close", "gap", "latest" or { latest: "field" }');
    return { event, policy: "latest", key: latest };
  });
}
