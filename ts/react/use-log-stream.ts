"use client";
// useLogStream: the last lines of a service's log.

import { useInsertionEffect, useMemo, useSyncExternalStore } from "react";
import { createLogStore, type LogEntry, type LogLine } from "./log-store.js";
import { type UseRoom, useRoom } from "./use-room.js";

const LINE_LIMIT = 500;

/** Options of {@link useLogStream}. */
export interface UseLogStreamOptions {
  /** Most entries kept, at least one. It may change: raised, it keeps the lines; lowered, the last ones. Default 500. */
  limit?: number;
}

/** What {@link useLogStream} returns. */
export interface UseLogStream {
  /** Lines and gaps in their order, oldest first: `kind` tells which. */
  entries: readonly LogEntry[];
  /** The lines among them. */
  lines: readonly LogLine[];
  /** Empties this component's list. */
  clear: () => void;
  /** The server let us into the log's room. */
  joined: boolean;
  /** Why it did not. */
  error: UseRoom["error"];
}

/**
 * Joins `logs:<service>` and follows its lines, rendering at most once a frame; "all" is every service. Lines that the server had to
 * drop stand in `entries` as one entry of kind "gap".
 */
export function useLogStream(service: string, { limit = LINE_LIMIT }: UseLogStreamOptions = {}): UseLogStream {
  const most = Math.max(1, limit);
  const store = useMemo(() => createLogStore(service), [service]);
  // Before it is fed.
  useInsertionEffect(() => store.keep(most), [store, most]);
  const kept = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  // After a lower limit was set, until the next line.
  const entries = useMemo(() => (kept.length > most ? kept.slice(-most) : kept), [kept, most]);
  const lines = useMemo(() => entries.filter((entry): entry is LogLine => entry.kind === "line"), [entries]);
  const { joined, error } = useRoom(`logs:${service}`);
  return { entries, lines, clear: store.clear, joined, error };
}
