"use client";
// Entry point nself-realtime/react: the hooks.

export { type UseBuildProgress, useBuildProgress } from "./use-build-progress.js";
export { type UseDockerStats, useDockerStats } from "./use-docker-stats.js";
export { type UseLogStream, useLogStream } from "./use-log-stream.js";
export { type UseRoom, useRoom } from "./use-room.js";
export { type UseServiceStatus, useServiceStatus } from "./use-service-status.js";
export { type UseWebSocket, useWebSocket } from "./use-web-socket.js";
