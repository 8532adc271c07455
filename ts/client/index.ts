// Entry point nself-realtime/client: the browser's side of the connection, without React.

export type {
  BuildProgressEvent,
  DbQueryResultEvent,
  DeployProgressEvent,
  DockerStatsEvent,
  Envelope,
  ErrorEvent,
  GapEvent,
  LogStreamEvent,
  ResourceChangedEvent,
  RoomAck,
  RoomMember,
  RoomMemberEvent,
  RoomMembersEvent,
  ServerEvents,
  ServiceStatusEvent,
} from "../events.js";
export { ControlEvent, EventName, isEnvelope, isEvent } from "../events.js";
export { RealtimeClientError } from "./error.js";
export { type LoadPresence, presenceFrom } from "./presence.js";
export { getWebSocketClient } from "./singleton.js";
export type {
  AckOptions,
  ConnectionStatus,
  EmitOptions,
  OfflinePolicy,
  Unsubscribe,
  WebSocketClientOptions,
} from "./types.js";
export { WebSocketClient } from "./web-socket-client.js";
