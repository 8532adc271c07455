"use client";
// useDockerStats: the latest figures of each container.

import { type DockerStatsEvent, EventName } from "../events.js";
import { type Latest, latestByKey } from "./keyed-store.js";
import { useLatest } from "./use-latest.js";

const store = latestByKey(EventName.DockerStats, (event) => event.containerId);

/** What {@link useDockerStats} returns. */
export interface UseDockerStats {
  /** By container id. */
  readonly stats: Latest<DockerStatsEvent>;
  /** Those of the container asked for. */
  readonly containerStats: DockerStatsEvent | undefined;
  readonly getStats: (containerId: string) => DockerStatsEvent | undefined;
}

/**
 * Follows `docker:stats` events, rendering at most once a frame. A component that names a container and looks at nothing but
 * `containerStats` renders for the events of that container alone; one that reads `stats` or calls `getStats` renders for all.
 */
export function useDockerStats(containerId?: string): UseDockerStats {
  const { one, all, get } = useLatest(store, containerId);
  return {
    get stats() {
      return all();
    },
    containerStats: one,
    getStats: get,
  };
}
