// What the API routes answer and the pages show.

import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";

/** Answer of GET /api/services. */
export interface ServicesSnapshot {
  /** The last status of each service. */
  statuses: ServiceStatusEvent[];
  /** The last changes, newest first. */
  activity: ServiceStatusEvent[];
}

/** Answer of GET /api/services/logs: oldest first. */
export type LogSnapshot = LogStreamEvent[];

/** How all API routes answer. */
export type Answer<T> = { success: true; data: T } | { success: false; error: string };
