// What the service routes answer and the pages show.

import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";

/** Answer of GET /api/services. */
export interface ServicesSnapshot {
  /** The last status of each service. */
  statuses: ServiceStatusEvent[];
  /** The last changes, newest first. */
  activity: ServiceStatusEvent[];
}

/** Answer of GET /api/logs/stream: oldest first. */
export type LogSnapshot = LogStreamEvent[];
