// The six emitters: to a room, or to everybody. See emitEvent for what they return and throw.

import {
  type BuildProgressEvent,
  type DbQueryResultEvent,
  type DeployProgressEvent,
  type DockerStatsEvent,
  EventName,
  type LogStreamEvent,
  type ServiceStatusEvent,
} from "../events.js";
import { emitEvent } from "./emit-event.js";

/** `service:status`. True when accepted for delivery; false, with one warning, when no server runs in this process. */
export function emitServiceStatus(data: ServiceStatusEvent, room?: string): boolean {
  return emitEvent(EventName.ServiceStatus, data, { room }, null);
}

/** `build:progress`, as `emitServiceStatus`. */
export function emitBuildProgress(data: BuildProgressEvent, room?: string): boolean {
  return emitEvent(EventName.BuildProgress, data, { room }, null);
}

/** `deploy:progress`, as `emitServiceStatus`. */
export function emitDeployProgress(data: DeployProgressEvent, room?: string): boolean {
  return emitEvent(EventName.DeployProgress, data, { room }, null);
}

/** `logs:stream`, as `emitServiceStatus`; lines that follow each other closely leave together. */
export function emitLogStream(data: LogStreamEvent, room?: string): boolean {
  return emitEvent(EventName.LogStream, data, { room }, null);
}

/** `docker:stats`, as `emitServiceStatus`; those that follow each other closely leave together. */
export function emitDockerStats(data: DockerStatsEvent, room?: string): boolean {
  return emitEvent(EventName.DockerStats, data, { room }, null);
}

/** `db:query:result`, as `emitServiceStatus`. */
export function emitDbQueryResult(data: DbQueryResultEvent, room?: string): boolean {
  return emitEvent(EventName.DbQueryResult, data, { room }, null);
}
