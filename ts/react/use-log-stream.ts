"use client";
// useLogStream: the last lines of a service's log.

import { useMemo, useSyncExternalStore } from "react";
import { createLogStore, type Lines } from "./log-store.js";
import { type UseRoom, useRoom } from "./use-room.js";

const LINE_LIMIT = 500;

/** What {@link useLogStream} returns. */
export interface UseLogStream {
  /** Oldest first. */
  lines: Lines;
  /** Empties this component's lines. */
  clear: () => void;
  /** Why the server did not let us into the log's room. */
  error: UseRoom["error"];
}

/** Joins `logs:<service>` and follows its lines; "all" is every service. `limit`: most lines kept, default 500. */
export function useLogStream(service: string, { limit = LINE_LIMIT }: { limit?: number } = {}): UseLogStream {
  const store = useMemo(() => createLogStore(service, limit), [service, limit]);
  const lines = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  const { error } = useRoom(`logs:${service}`);
  return { lines, clear: store.clear, error };
}
