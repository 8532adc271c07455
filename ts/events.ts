// The events of the real-time layer, shared by server and browser code: types, names and the envelope. It imports nothing.

/** Life of a container or service. */
export type ServiceState = "running" | "stopped" | "starting" | "stopping" | "unhealthy";
/** Life of one step of a build or deployment. */
export type ProgressStatus = "pending" | "in-progress" | "complete" | "failed";

/** `service:status`: what a service is doing now. */
export interface ServiceStatusEvent {
  service: string;
  status: ServiceState;
  /** ISO 8601. */
  timestamp: string;
  containerId?: string;
  health?: { status: "healthy" | "unhealthy" | "pending"; lastCheck?: string };
  resources?: { cpu?: number; memory?: number };
}

/** `build:progress`: one step of a build. */
export interface BuildProgressEvent {
  step: string;
  /** 0 to 100. */
  progress: number;
  status: ProgressStatus;
  message?: string;
  /** ISO 8601. */
  timestamp: string;
  totalSteps?: number;
  currentStep?: number;
  logs?: string[];
}

/** `deploy:progress`: one stage of a deployment. */
export interface DeployProgressEvent {
  stage: string;
  environment: "local" | "staging" | "production";
  status: ProgressStatus;
  logs: string[];
  /** ISO 8601. */
  timestamp: string;
  /** 0 to 100. */
  progress?: number;
  error?: string;
}

/** `logs:stream`: one line of a service's log. */
export interface LogStreamEvent {
  service: string;
  line: string;
  /** ISO 8601. */
  timestamp: string;
  level?: "info" | "warn" | "error" | "debug";
  source?: "stdout" | "stderr";
}

/** `docker:stats`: the resources one container uses. */
export interface DockerStatsEvent {
  containerId: string;
  containerName: string;
  stats: {
    /** Percent. */
    cpu: number;
    /** Bytes. */
    memory: number;
    /** Bytes. */
    memoryLimit: number;
    memoryPercent: number;
    /** Bytes. */
    network: { rx: number; tx: number };
    /** Bytes. */
    blockIO: { read: number; write: number };
  };
  /** ISO 8601. */
  timestamp: string;
}

/** `db:query:result`: the answer to one database query. */
export interface DbQueryResultEvent {
  queryId: string;
  rows: unknown[];
  rowCount: number;
  fields: Array<{ name: string; dataTypeID: number }>;
  /** Milliseconds. */
  executionTime?: number;
  /** ISO 8601. */
  timestamp: string;
  error?: string;
}

/** Data of `room:joined` and `room:left`, sent to the room. */
export interface RoomMemberEvent {
  socketId: string;
  userId: string | null;
  room: string;
}

/** Data of `gap`: events that were dropped because this client reads too slowly. */
export interface GapEvent {
  event: string;
  room?: string;
  count: number;
  /** Timestamps of the first and the last event dropped, ISO 8601. */
  from: string;
  to: string;
}

/** Data of `error`, sent by the server when a message of this client was refused. */
export interface ErrorEvent {
  code: string;
  error: string;
}

/** The six events that a server emits by name, each with the type of its data. */
export interface EmittedEvents {
  "service:status": ServiceStatusEvent;
  "build:progress": BuildProgressEvent;
  "deploy:progress": DeployProgressEvent;
  "logs:stream": LogStreamEvent;
  "docker:stats": DockerStatsEvent;
  "db:query:result": DbQueryResultEvent;
}

/** Every event that a client can receive in an envelope, each with the type of its data. */
export interface ServerEvents extends EmittedEvents {
  "room:joined": RoomMemberEvent;
  "room:left": RoomMemberEvent;
  gap: GapEvent;
  error: ErrorEvent;
}

/** What travels as the one argument of every event. */
export interface Envelope<T = unknown> {
  type: string;
  data: T;
  /** ISO 8601. */
  timestamp: string;
  room?: string;
}

/** The answer to `join:room` and `leave:room`, for a client that asked for one. */
export type RoomAck = { ok: true } | { ok: false; code: string; error: string };

/** The names of the six events. */
export const EventName = {
  ServiceStatus: "service:status",
  BuildProgress: "build:progress",
  DeployProgress: "deploy:progress",
  LogStream: "logs:stream",
  DockerStats: "docker:stats",
  DbQueryResult: "db:query:result",
} as const;

/** The six names as a list. */
export const EMITTED_EVENTS = Object.values(EventName) as ReadonlyArray<keyof EmittedEvents>;

/** Names of the built-in events beside the six. */
export const ControlEvent = {
  JoinRoom: "join:room",
  LeaveRoom: "leave:room",
  RoomJoined: "room:joined",
  RoomLeft: "room:left",
  Heartbeat: "heartbeat",
  Pong: "pong",
  Gap: "gap",
  Error: "error",
} as const;

/** Where the server listens when nothing else is said. */
export const DEFAULT_PATH = "/api/ws";
