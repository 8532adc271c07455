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

/** A socket in a room, and whose it is. */
export interface RoomMember {
  socketId: string;
  /** Null: the server does not know. */
  userId: string | null;
}

/** Data of `room:members`, which a large room gets once a second at most, instead of `room:joined` and `room:left`. */
export interface RoomMembersEvent {
  room: string;
  /** Sockets in the room now: always right. */
  count: number;
  /** Who came and who went since the last one. */
  joined: RoomMember[];
  left: RoomMember[];
  /** There were more than the lists hold: who wants to know everybody asks anew. */
  more?: boolean;
}

/** Data of `resource:changed`: what pages loaded of a resource is not what it is now. Further fields are the application's. */
export interface ResourceChangedEvent {
  /** What changed, as the application calls it; `*` is everything. */
  resource: string;
  /** Which one of them; without it any may have. */
  id?: string;
  [field: string]: unknown;
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

/**
 * The application's own events, each with the type of its data: empty, for the application to fill.
 *
 * ```ts
 * declare module "nself-realtime" {
 *   interface OwnEvents {
 *     "job:progress": { id: string; percent: number };
 *   }
 * }
 * ```
 *
 * Then `emitEvent`, `emitToUser`, `client.on` and `useEvent` check names and data, on both sides.
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface OwnEvents {}

/** Every event that the application may emit and whose data have a type. */
export interface TypedEvents extends EmittedEvents, OwnEvents {
  "resource:changed": ResourceChangedEvent;
}

/** Names of events that may be emitted: any, until the application has said which ones it has. */
export type EventType = [keyof OwnEvents] extends [never] ? string : keyof TypedEvents;

/** What an event carries: known for {@link TypedEvents}. */
export type DataOf<T extends string> = T extends keyof TypedEvents ? TypedEvents[T] : unknown;

/** Every event that a client can receive in an envelope, each with the type of its data. */
export interface ServerEvents extends TypedEvents {
  "room:joined": RoomMemberEvent;
  "room:left": RoomMemberEvent;
  "room:members": RoomMembersEvent;
  gap: GapEvent;
  error: ErrorEvent;
}

/** What travels as the one argument of every event. */
export interface Envelope<T = unknown> {
  type: string;
  data: T;
  /** ISO 8601. */
  timestamp: string;
  /** The room that the event went to, if it was one. */
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
  RoomMembers: "room:members",
  ResourceChanged: "resource:changed",
  Heartbeat: "heartbeat",
  Pong: "pong",
  Gap: "gap",
  Error: "error",
} as const;

/** Where the server listens when nothing else is said. */
export const DEFAULT_PATH = "/api/ws";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number";
const percent: Check = (value) => typeof value === "number" && value >= 0 && value <= 100;
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const shape = (required: Record<string, Check>, optional: Record<string, Check> = {}): Check => {
  const [must, may] = [Object.entries(required), Object.entries(optional)];
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    const fields = value as Record<string, unknown>;
    const fits = must.every(([name, check]) => check(fields[name]));
    return fits && may.every(([name, check]) => fields[name] === undefined || check(fields[name]));
  };
};

const progressStatus = oneOf("pending", "in-progress", "complete", "failed");
const member = { socketId: text, userId: (value: unknown) => value === null || text(value) };
const roomMember = shape({ ...member, room: text });
const members = listOf(shape(member));

// The same rules as the native side has for what it sends.
const CHECKS: Readonly<Record<keyof ServerEvents, Check>> = {
  "service:status": shape(
    { service: text, status: oneOf("running", "stopped", "starting", "stopping", "unhealthy"), timestamp: text },
    {
      containerId: text,
      health: shape({ status: oneOf("healthy", "unhealthy", "pending") }, { lastCheck: text }),
      resources: shape({}, { cpu: number, memory: number }),
    },
  ),
  "build:progress": shape(
    { step: text, progress: percent, status: progressStatus, timestamp: text },
    { message: text, totalSteps: number, currentStep: number, logs: listOf(text) },
  ),
  "deploy:progress": shape(
    {
      stage: text,
      environment: oneOf("local", "staging", "production"),
      status: progressStatus,
      logs: listOf(text),
      timestamp: text,
    },
    { progress: percent, error: text },
  ),
  "logs:stream": shape(
    { service: text, line: text, timestamp: text },
    { level: oneOf("info", "warn", "error", "debug"), source: oneOf("stdout", "stderr") },
  ),
  "docker:stats": shape({
    containerId: text,
    containerName: text,
    stats: shape({
      cpu: number,
      memory: number,
      memoryLimit: number,
      memoryPercent: number,
      network: shape({ rx: number, tx: number }),
      blockIO: shape({ read: number, write: number }),
    }),
    timestamp: text,
  }),
  "db:query:result": shape(
    {
      queryId: text,
      rows: Array.isArray,
      rowCount: number,
      fields: listOf(shape({ name: text, dataTypeID: number })),
      timestamp: text,
    },
    { executionTime: number, error: text },
  ),
  "room:joined": roomMember,
  "room:left": roomMember,
  "room:members": shape(
    { room: text, count: number, joined: members, left: members },
    { more: (value) => typeof value === "boolean" },
  ),
  "resource:changed": shape({ resource: text }, { id: text }),
  gap: shape({ event: text, count: number, from: text, to: text }, { room: text }),
  error: shape({ code: text, error: text }),
};

/** Whether `data` is what the event `type` carries. Only events of {@link ServerEvents} have a shape; any other is taken as it is. */
export function isEvent<K extends keyof ServerEvents>(type: K, data: unknown): data is ServerEvents[K];
export function isEvent(type: string, data: unknown): boolean;
export function isEvent(type: string, data: unknown): boolean {
  return !Object.hasOwn(CHECKS, type) || CHECKS[type as keyof ServerEvents](data);
}

/** Whether `value` is an envelope. */
export function isEnvelope(value: unknown): value is Envelope {
  return shape({ type: text })(value) && "data" in (value as object);
}
