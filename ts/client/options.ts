// The client's options with their defaults.

import { DEFAULT_PATH } from "../events.js";
import type { WebSocketClientOptions } from "./types.js";

const DEFAULTS = {
  path: DEFAULT_PATH,
  transports: ["websocket", "polling"],
  withCredentials: false,
  timeout: 10_000,
  reconnectDelays: [1000, 2000, 4000, 8000, 16_000],
  jitter: 0.5,
  spread: 1000,
  linger: 5000,
  offline: "queue",
  queueLimit: 100,
  queueExpiry: 60_000,
} as const satisfies WebSocketClientOptions;

/** All options; those without a default may be missing. */
export type CompleteOptions = WebSocketClientOptions & Required<Pick<WebSocketClientOptions, keyof typeof DEFAULTS>>;

/** `options`, and the default of each that is not given. */
export function complete(options: WebSocketClientOptions): CompleteOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const all: CompleteOptions = { ...DEFAULTS, ...Object.fromEntries(given) };
  return all.reconnectDelays.length > 0 ? all : { ...all, reconnectDelays: DEFAULTS.reconnectDelays };
}

/** Names of the options in `wanted` that `made` has otherwise. Of two functions nobody can tell whether they do the same. */
export function differences(made: CompleteOptions, wanted: WebSocketClientOptions): string[] {
  const text = (value: unknown) => (typeof value === "function" ? "a function" : JSON.stringify(value));
  return Object.entries(wanted)
    .filter(([name, value]) => value !== undefined && text(value) !== text(made[name as keyof WebSocketClientOptions]))
    .map(([name]) => name);
}
