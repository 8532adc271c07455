// What `import … from "nself-realtime"` gives.

export * from "../events.js";
export {
  emitBuildProgress,
  emitDbQueryResult,
  emitDeployProgress,
  emitDockerStats,
  emitEvent,
  emitLogStream,
  emitServiceStatus,
  emitToUser,
  type To,
} from "./nself/emitters.js";
export type { Produce, ProducerOptions } from "./nself/producers.js";
export { attach, getWebSocketServer, listen, register } from "./nself/realtime.js";
export { type SessionCookieOptions, sessionCookie, type ValidateSession } from "./nself/session-cookie.js";
export { type SessionFromRouteOptions, sessionFromRoute } from "./nself/session-from-route.js";
export { createTicket, type TicketOptions } from "./nself/tickets.js";
export { type PresenceEntry, WebSocketServer } from "./nself/websocket-server.js";
export type { Authenticate, AuthenticateHandshake, AuthenticateResult } from "./options/authenticate.js";
export type { AuthorizeJoin, JoiningSocket } from "./options/authorize-join.js";
export type { Handshake } from "./options/handshake.js";
export type { LimitOptions, RateLimitOptions, RateOptions } from "./options/limits.js";
export type { LogEntry, Logger, LogLevel } from "./options/logger.js";
export type {
  AllowRequest,
  CookieOptions,
  CorsFunction,
  CorsOptions,
  CorsOriginFunction,
  PerMessageDeflateOptions,
  RealtimeOptions,
  ServerOptions,
} from "./options/options.js";
export type { Policies, Policy } from "./options/policies.js";
export type { EventSchema, EventSchemas, EventsOf, SchemaIssue } from "./options/schemas.js";
export type {
  AllButLast,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventNamesWithError,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  RemoveAcknowledgements,
  ReservedOrUserEventNames,
  ReservedOrUserListener,
  TypedEventBroadcaster,
} from "./options/typed-events.js";
export { ERROR_CODES, RealtimeError } from "./process/errors.js";
export type {
  Denied,
  Distribution,
  Dropped,
  Limited,
  Refused,
  ShutdownReport,
  Stats,
  Takeover,
} from "./process/stats.js";
export type { Adapter, AdapterTargets } from "./socketio/adapter.js";
export { BroadcastOperator } from "./socketio/broadcast.js";
export type { Client } from "./socketio/client.js";
export type { Connection, EnginePacket, Transport } from "./socketio/connection.js";
export type { ConnectionError, EngineServer } from "./socketio/engine-server.js";
export {
  type Middleware,
  Namespace,
  type NamespaceReservedEventsMap,
  type ServerReservedEventsMap,
} from "./socketio/namespace.js";
export type { ParentNamespace } from "./socketio/parent-namespace.js";
export { RemoteSocket } from "./socketio/remote-socket.js";
export { type CheckNamespace, Server } from "./socketio/server.js";
export { type Event, Socket } from "./socketio/socket.js";
export type { DisconnectReason, ExtendedError, SocketReservedEventsMap } from "./socketio/socket-types.js";
