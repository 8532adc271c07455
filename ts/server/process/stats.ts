// What a server counts, as stats() and shutdown() tell it.

import { type EventLoopDelay, eventLoopDelay } from "./loop-delay.js";

/** How WebSockets are taken from Node's HTTP servers. */
export interface Takeover {
  /**
   * `works`: their sockets are taken over, and then cost JavaScript nothing. `piped`: that failed, so JavaScript pipes
   * them; it is tried again. `refused`: that failed, too; clients stay on polling. `testing`: known in a moment.
   * `untested`: no HTTP server was attached in this thread.
   */
  state: "untested" | "testing" | "works" | "piped" | "refused";
  /** Why it does not work. */
  reason?: string;
  /** WebSockets of this server that were taken over. */
  taken: number;
  /** WebSockets of this server that were piped: those of HTTPS always are. */
  piped: number;
}

/** How many values fell to each upper bound in `le`; the last of `counts` is above all of them. */
export interface Distribution {
  le: number[];
  counts: number[];
  sum: number;
}

/** Packets that clients did not get, by reason. */
export interface Dropped {
  /** A newer event replaced them in a full outbox (policy `latest`). */
  latest: number;
  /** A `gap` event tells of them (policy `gap`). */
  gap: number;
  /** Volatile, and the client could not take them at that moment. */
  volatile: number;
  /** The client was gone, too slow, or the server closed. */
  closed: number;
}

/** Events from clients that a rate limit refused, by whose limit it was. */
export interface Limited {
  connection: number;
  user: number;
  address: number;
}

/** What a limit refused. */
export interface Refused {
  /** Handshakes: too many a second from an address. */
  handshakes: number;
  /** Connections: too many from an address (`maxConnectionsPerAddress`). */
  address: number;
  /** Connections: too many (`maxConnections`). */
  full: number;
  /** Requests whose head is too large. */
  headers: number;
  /** Requests whose head or body, and sessions whose first CONNECT, did not come in time. */
  timeout: number;
  /** Messages and bodies beyond `maxHttpBufferSize`. */
  size: number;
  /** Messages in too many pieces. */
  fragments: number;
  /** Events with too many attachments, or too large ones. */
  attachments: number;
  /** Connections for which the system had no descriptor. */
  descriptors: number;
}

/** What clients were refused, by reason. */
export interface Denied {
  /** `authenticate` or a middleware refused a client, or its session ended meanwhile. */
  authentication: number;
  /** More than `maxPendingAuthentications` waited for that. */
  busy: number;
  /** A ticket was missing, not valid, or over. */
  ticket: number;
  /** A room that a client may not join. */
  join: number;
  /** A room beyond `maxRoomsPerSocket` or `maxRooms`. */
  rooms: number;
}

/** Counters of the native server, from its start on, and what is there now. */
export interface Stats {
  /** Open sessions by transport. */
  connections: { polling: number; websocket: number };
  /** Open sockets, over all namespaces. */
  sockets: number;
  /** Rooms with members; a socket's own room is not counted. */
  rooms: number;
  /** Sessions that were opened. */
  opened: number;
  /** Sessions that moved from polling to WebSocket. */
  upgrades: number;
  /** Events that were emitted to rooms or to all. */
  eventsOut: number;
  /** Events from clients. */
  eventsIn: number;
  /** Emitted events times receivers. */
  deliveries: number;
  bytesOut: number;
  bytesIn: number;
  /** System calls and polling answers that carried packets. */
  writes: number;
  /** Batches that were let go by the end of their window. */
  batches: number;
  dropped: Dropped;
  /** `gap` events that were sent. */
  gaps: number;
  /** Clients that were closed because they read too slowly. */
  slowClients: number;
  /** Clients that were closed because nothing was heard of them. */
  staleClients: number;
  limited: Limited;
  /** Clients that were disconnected because they went on beyond their rate limit. */
  floods: number;
  refused: Refused;
  denied: Denied;
  /** What waits for clients: how many they are, bytes in all, bytes of the one furthest behind. */
  waiting: { clients: number; bytes: number; largest: number };
  /**
   * What waits for this JavaScript thread: bytes of clients' events, clients that are not read until it catches up, and bytes
   * of events whose attachments have not all come.
   */
  inbox: { bytes: number; paused: number; unfinished: number };
  /** Commands that wait for the native threads. */
  commandsWaiting: number;
  packetsPerWrite: Distribution;
  /** From an emit to its write, in µs. */
  emitToWrite: Distribution;
  /** Native threads that serve clients. */
  shards: number;
  /** How late this JavaScript thread runs its timers, in ms, since the last look; the first look begins to measure. */
  eventLoopDelay: EventLoopDelay;
  /** How WebSockets are taken from Node's HTTP servers, in this thread. */
  takeover: Takeover;
}

/** What a shutdown came to. Counts are from the server's start on. */
export interface ShutdownReport {
  /** Clients that were connected when it began. */
  clients: number;
  milliseconds: number;
  eventsOut: number;
  deliveries: number;
  dropped: Dropped;
  slowClients: number;
  /** The native side did not answer within `shutdownTimeout`. */
  timedOut?: boolean;
}

/** The same as metrics in the text form of Prometheus. */
export function eventLoopMetrics(): string {
  const name = "nself_realtime_event_loop_delay_seconds";
  const { p50, p99, max } = eventLoopDelay();
  const sample = (quantile: string, value: number) => `${name}{quantile="${quantile}"} ${value / 1000}\n`;
  return (
    `# HELP ${name} How late the JavaScript thread runs its timers, since the last look.\n# TYPE ${name} gauge\n` +
    sample("0.5", p50) +
    sample("0.99", p99) +
    sample("1", max)
  );
}

/** The same of how WebSockets come from Node. */
export function takeoverMetrics({ taken, piped }: Takeover): string {
  const name = "nself_realtime_node_websockets_total";
  return (
    `# HELP ${name} WebSockets that came from Node's HTTP servers, by the way they took.\n# TYPE ${name} counter\n` +
    `${name}{way="taken"} ${taken}\n${name}{way="piped"} ${piped}\n`
  );
}
