// Emitters in the envelope: the six, one for the application's own events, and one that reaches a user.

import {
  type BuildProgressEvent,
  type DataOf,
  type DbQueryResultEvent,
  type DeployProgressEvent,
  type DockerStatsEvent,
  EventName,
  type EventType,
  type LogStreamEvent,
  type ServiceStatusEvent,
} from "../../events.js";
import { name, someRooms } from "../process/arguments.js";
import { emitEnvelope } from "./emit-event.js";

/**
 * Where an emitter sends: to everybody without it; to a room; or to several, whose members get the event once each. What is given must
 * be a room: undefined and an empty list throw ERR_INVALID_ROOM, so that a mistake never reaches everybody.
 */
export type To = [] | [room: string | string[]];

/**
 * `service:status`. True when accepted for delivery; false, with one warning, when no server runs in this process. Throws
 * ERR_INVALID_EVENT, which names the field, or ERR_INVALID_ROOM.
 */
export function emitServiceStatus(data: ServiceStatusEvent, ...to: To): boolean {
  return emitTo(EventName.ServiceStatus, data, to);
}

/** `build:progress`, as `emitServiceStatus`. */
export function emitBuildProgress(data: BuildProgressEvent, ...to: To): boolean {
  return emitTo(EventName.BuildProgress, data, to);
}

/** `deploy:progress`, as `emitServiceStatus`. */
export function emitDeployProgress(data: DeployProgressEvent, ...to: To): boolean {
  return emitTo(EventName.DeployProgress, data, to);
}

/** `logs:stream`, as `emitServiceStatus`; lines that follow each other closely leave together. */
export function emitLogStream(data: LogStreamEvent, ...to: To): boolean {
  return emitTo(EventName.LogStream, data, to);
}

/** `docker:stats`, as `emitServiceStatus`; those that follow each other closely leave together. */
export function emitDockerStats(data: DockerStatsEvent, ...to: To): boolean {
  return emitTo(EventName.DockerStats, data, to);
}

/** `db:query:result`, as `emitServiceStatus`. */
export function emitDbQueryResult(data: DbQueryResultEvent, ...to: To): boolean {
  return emitTo(EventName.DbQueryResult, data, to);
}

/**
 * An event of the application's own, in the same envelope, as `emitServiceStatus`: `emitEvent("job:progress", { percent: 40 }, "jobs")`.
 * Its type is checked once {@link OwnEvents} names it.
 */
export function emitEvent<T extends EventType>(type: T, data: DataOf<T>, ...to: To): boolean {
  return emitTo(type, data, to);
}

/**
 * Emits to every socket of a user, as `authenticate` or a ticket named it, whatever rooms these are in. True when accepted,
 * also if the user is not connected. Throws ERR_INVALID_ARGUMENT if `userId` is no text.
 */
export function emitToUser<T extends EventType>(userId: string, type: T, data: DataOf<T>): boolean {
  return emitEnvelope(type, data, { userId: name("userId", userId) }, null);
}

function emitTo(type: string, data: unknown, to: To): boolean {
  return emitEnvelope(type, data, to.length === 0 ? EVERYBODY : { rooms: someRooms("room", to[0]) }, null);
}

const EVERYBODY = {};
