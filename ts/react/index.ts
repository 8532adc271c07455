"use client";
// Entry point nself-realtime/react: the hooks.

export {
  type InvalidationMap,
  type OnInvalidate,
  type QueryInvalidator,
  queryInvalidation,
  type SwrMutate,
  swrInvalidation,
} from "./invalidation.js";
export type { Latest } from "./keyed-store.js";
export type { LogEntry, LogGap, LogLine } from "./log-store.js";
export type { PresenceMember } from "./members.js";
export type { Progress } from "./progress-store.js";
export { type UseBuildProgress, useBuildProgress } from "./use-build-progress.js";
export { type UseDbQueryResult, useDbQueryResult } from "./use-db-query-result.js";
export { type UseDeployProgress, useDeployProgress } from "./use-deploy-progress.js";
export { type UseDockerStats, useDockerStats } from "./use-docker-stats.js";
export { useEvent } from "./use-event.js";
export { useInvalidation } from "./use-invalidation.js";
export { type UseLogStream, type UseLogStreamOptions, useLogStream } from "./use-log-stream.js";
export { type UsePresence, type UsePresenceOptions, usePresence } from "./use-presence.js";
export { type UseRoom, useRoom } from "./use-room.js";
export { type UseServiceStatus, useServiceStatus } from "./use-service-status.js";
export { type UseWebSocket, useWebSocket } from "./use-web-socket.js";
