// What the monitor shows.

import type { DockerStatsEvent } from "nself-realtime/client";

/** The figures of one moment; a source that cannot be read is left out. */
export type Sample = DockerStatsEvent;

/** Answer of GET /api/docker/stats. */
export interface StatsSnapshot {
  /** The last minutes of each container or process, oldest first. */
  samples: Sample[];
  machine: { cores: number; memory: number; platform: string };
  /** Whether a Docker daemon answers. */
  docker: boolean;
}
