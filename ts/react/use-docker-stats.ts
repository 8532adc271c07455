"use client";
// useDockerStats: the latest figures of each container.

import { useCallback, useSyncExternalStore } from "react";
import { type DockerStatsEvent, EventName } from "../events.js";
import { type Latest, latestByKey } from "./keyed-store.js";

const store = latestByKey(EventName.DockerStats, (event) => event.containerId);

/** What {@link useDockerStats} returns. */
export interface UseDockerStats {
  /** By container id. */
  stats: Latest<DockerStatsEvent>;
  /** Those of the container asked for. */
  containerStats: DockerStatsEvent | undefined;
  getStats: (containerId: string) => DockerStatsEvent | undefined;
}

/** Follows `docker:stats` events, rendering at most once a frame. */
export function useDockerStats(containerId?: string): UseDockerStats {
  const stats = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  const getStats = useCallback((id: string) => stats[id], [stats]);
  return { stats, containerStats: containerId === undefined ? undefined : stats[containerId], getStats };
}
