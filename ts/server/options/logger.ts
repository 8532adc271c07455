// The server's log, given to the application.

import { warnOnce } from "../process/registry.js";

/** From nothing to everything. */
export type LogLevel = "off" | "error" | "warn" | "info" | "debug" | "trace";

/** @internal */
export const LEVELS: readonly LogLevel[] = ["off", "error", "warn", "info", "debug", "trace"];

/** One thing that the server has to say. It holds no session ids, cookies or tokens. */
export interface LogEntry {
  level: Exclude<LogLevel, "off">;
  /** The part of the server. */
  target: string;
  message: string;
  fields: Record<string, string>;
}

export type Logger = (entry: LogEntry) => void;

/** Gives a line to the application. A logger that throws must not take anything else with it. */
export function log(logger: Logger | undefined, text = "{}"): void {
  try {
    logger?.(JSON.parse(text) as LogEntry);
  } catch (error) {
    warnOnce("NSELF_LOGGER", `the logger threw: ${String(error)}`);
  }
}
