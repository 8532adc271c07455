// One good value for each of the six events.
import type {
  BuildProgressEvent,
  DbQueryResultEvent,
  DeployProgressEvent,
  DockerStatsEvent,
  LogStreamEvent,
  ServiceStatusEvent,
} from "../../ts/events.js";

const timestamp = "2026-01-02T03:04:05.678Z";

export const serviceStatus: ServiceStatusEvent = {
  service: "postgres",
  status: "running",
  timestamp,
  containerId: "c0ffee",
  health: { status: "healthy", lastCheck: timestamp },
  resources: { cpu: 1.5, memory: 2 ** 30 },
};

export const buildProgress: BuildProgressEvent = {
  step: "images",
  progress: 42.5,
  status: "in-progress",
  message: "pulling “postgres” 🐘",
  timestamp,
  totalSteps: 7,
  currentStep: 3,
  logs: ["one", "two"],
};

export const deployProgress: DeployProgressEvent = {
  stage: "push",
  environment: "staging",
  status: "failed",
  logs: [],
  timestamp,
  progress: 0,
  error: "no route to host",
};

export const dockerStats: DockerStatsEvent = {
  containerId: "c0ffee",
  containerName: "postgres",
  stats: {
    cpu: 0.1,
    memory: 1,
    memoryLimit: 2,
    memoryPercent: 50,
    network: { rx: 1, tx: 2 },
    blockIO: { read: 3, write: 4 },
  },
  timestamp,
};

export const dbQueryResult: DbQueryResultEvent = {
  queryId: "q1",
  rows: [{ id: 1, name: null, nested: [true] }],
  rowCount: 1,
  fields: [{ name: "id", dataTypeID: 23 }],
  executionTime: 0.25,
  timestamp,
  error: "",
};

/** A log line. */
export function log(line: string, service = "api"): LogStreamEvent {
  return { service, line, timestamp, level: "info", source: "stdout" };
}
