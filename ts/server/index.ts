// What `import … from "nself-realtime"` gives.

export * from "../events.js";
export type { Authenticate, AuthenticateHandshake, AuthenticateResult } from "./authenticate.js";
export type { AuthorizeJoin } from "./authorize-join.js";
export { BroadcastOperator } from "./broadcast.js";
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
} from "./emitters.js";
export { ERROR_CODES, RealtimeError } from "./errors.js";
export type { LimitOptions, RateLimitOptions, RateOptions } from "./limits.js";
export type { LogEntry, Logger, LogLevel } from "./logger.js";
export { type Middleware, Namespace } from "./namespace.js";
export type { AllowRequest, CookieOptions, CorsOptions, RealtimeOptions, ServerOptions } from "./options.js";
export type { Policies, Policy } from "./policies.js";
export type { Produce, ProducerOptions } from "./producers.js";
export { attach, getWebSocketServer, listen, register } from "./realtime.js";
export type { EventSchema, EventSchemas, EventsOf, SchemaIssue } from "./schemas.js";
export { Server } from "./server.js";
export { type SessionCookieOptions, sessionCookie, type ValidateSession } from "./session-cookie.js";
export { type SessionFromRouteOptions, sessionFromRoute } from "./session-from-route.js";
export { type Event, Socket } from "./socket.js";
export type { DisconnectReason, ExtendedError, Handshake } from "./socket-types.js";
export type { Denied, Distribution, Dropped, Limited, Refused, ShutdownReport, Stats, Takeover } from "./stats.js";
export { createTicket, type TicketOptions } from "./tickets.js";
export type { DefaultEventsMap, EventsMap } from "./typed-events.js";
export { type PresenceEntry, WebSocketServer } from "./websocket-server.js";
