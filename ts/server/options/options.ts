// The options of `Server`, with Socket.IO's names, and of the real-time layer.

import type { IncomingMessage } from "node:http";
import type { ZlibOptions } from "node:zlib";
import type { Authenticate } from "./authenticate.js";
import type { AuthorizeJoin } from "./authorize-join.js";
import type { AdapterConstructor } from "./foreign-adapter.js";
import type { LimitOptions } from "./limits.js";
import type { Logger, LogLevel } from "./logger.js";
import type { Policies } from "./policies.js";
import type { EventSchemas } from "./schemas.js";

/** Decides on a handshake before it is answered: `callback(null, true)` allows it. */
export type AllowRequest = (
  request: IncomingMessage,
  callback: (error: string | null | undefined, success: boolean) => void,
) => void;

/** Whether an origin may come: true, false, or what `CorsOptions.origin` may be. `origin` is undefined of who sends none. */
export type CorsOriginFunction = (
  origin: string | undefined,
  callback: (error: Error | null, allow?: boolean | string | RegExp | Array<boolean | string | RegExp>) => void,
) => void;

/** The options for one request. */
export type CorsFunction = (
  request: IncomingMessage,
  callback: (error: Error | null, options?: CorsOptions) => void,
) => void;

/** Cross-origin access, as in the `cors` package. */
export interface CorsOptions {
  /**
   * Allowed origins, as browsers send them: scheme, host, and a port that is not the scheme's own. What can match nothing
   * (a path, a slash at the end, a wildcard) is refused, and so is `undefined`. `"*"` is any, `true` any that asks, `false`
   * none; regular expressions and a function are asked about each request, with `listen` too. Default `"*"`. With any,
   * what pages of other hosts send has no cookies here: a browser would send them along with every WebSocket.
   */
  origin?: boolean | string | RegExp | Array<boolean | string | RegExp> | CorsOriginFunction;
  methods?: string | string[];
  allowedHeaders?: string | string[];
  exposedHeaders?: string | string[];
  /** Together with any origin (`"*"` or `true`) it warns: other hosts' pages come without cookies then. */
  credentials?: boolean;
  /** Seconds. */
  maxAge?: number;
  preflightContinue?: false;
  optionsSuccessStatus?: number;
}

/** The cookie that the polling handshake sets, as in Socket.IO. */
export interface CookieOptions {
  /** Default `io`. */
  name?: string;
  /** Default `/`; false: none. */
  path?: string | false;
  /** Default true. */
  httpOnly?: boolean;
  /** Default `lax`. */
  sameSite?: boolean | "lax" | "strict" | "none";
  secure?: boolean;
  /** Seconds. */
  maxAge?: number;
  domain?: string;
  expires?: Date;
  partitioned?: boolean;
  priority?: "low" | "medium" | "high";
}

/** Compression of WebSocket messages, as in the `ws` package. */
export interface PerMessageDeflateOptions {
  /** Smallest message that is compressed, in bytes. Default 1024. */
  threshold?: number;
  /** Most large messages that are compressed at a time. Default 10, and never more than half of the processors. */
  concurrencyLimit?: number;
  /** Without effect: each message is compressed by itself, so that what goes to many is compressed once. */
  serverNoContextTakeover?: boolean;
  /** False: clients may keep their context, which takes up to 40 KB here for each. Default true. */
  clientNoContextTakeover?: boolean;
  /** Largest window of ours, in bits, 9 to 15. Default 15; a client may ask for less. */
  serverMaxWindowBits?: number;
  /** Largest window of clients that let us choose, in bits, 8 to 15. Default: they choose. */
  clientMaxWindowBits?: number;
  /** `level` is 0 to 9, or -1 for the default, which is 6; the others have no effect. */
  zlibDeflateOptions?: ZlibOptions;
  /** Without effect. */
  zlibInflateOptions?: ZlibOptions;
}

/** Socket.IO's options. Times in ms, sizes in bytes. */
export interface ServerOptions extends LimitOptions {
  /** Where clients find it. Default `/socket.io`. */
  path?: string;
  /** What clients may connect by. Default `["polling", "websocket"]`. */
  transports?: Array<"polling" | "websocket">;
  /** Whether a polling client may go over to WebSocket. Default true. */
  allowUpgrades?: boolean;
  /** Time between two heartbeats. Default 25 000. */
  pingInterval?: number;
  /** Time in which a client must answer one. Default 20 000. */
  pingTimeout?: number;
  /** Time for a client to go over to WebSocket. Default 10 000. */
  upgradeTimeout?: number;
  /** Time in which a client must join a namespace. Default 45 000. */
  connectTimeout?: number;
  /** Largest message from a client; Infinity is 4 GiB. Default 1 000 000. */
  maxHttpBufferSize?: number;
  /** Most bytes that may wait for one client; then the policies of the events that wait decide. Default 1 MiB. */
  maxOutbox?: number;
  /**
   * Most bytes of all clients' events that may wait while JavaScript is busy. From half of it on, a client of which
   * something waits is not read until JavaScript catches up; beyond it, none. Default 64 MiB.
   */
  maxInboxTotal?: number;
  /** What may happen to events of these names in a full outbox, unless their emit says. Default `close`. */
  policies?: Policies;
  /** Compression of polling responses from `threshold` bytes on; zlib's options have no effect. Default `{ threshold: 1024 }`. */
  httpCompression?:
    | boolean
    | null
    | (Pick<ZlibOptions, "level" | "memLevel" | "strategy" | "windowBits" | "chunkSize"> & { threshold?: number });
  /**
   * Compression of WebSocket messages of at least `threshold` bytes (1024), with clients that can take it. True is `{}`.
   * Messages are compressed each by itself, whatever `serverNoContextTakeover` says, and so must clients, unless
   * `clientNoContextTakeover` is false; of zlib's options only the `level` (6) has an effect. Default none.
   */
  perMessageDeflate?: boolean | null | PerMessageDeflateOptions;
  /** A cookie with the session's id, for a proxy that keeps a client at one server. Default none. */
  cookie?: boolean | null | CookieOptions;
  /** Takes the server's log, one entry at a time; without it that is lines on stderr. Default none. */
  logger?: Logger;
  /** What is logged: this level and those above it. The environment variable RUST_LOG wins. Default `warn`. */
  logLevel?: LogLevel;
  /** Which other origins may connect; without it only the server's own. Default none. */
  cors?: boolean | null | CorsOptions | CorsFunction;
  /** Decides on each handshake before it is answered. Default none. */
  allowRequest?: AllowRequest;
  /**
   * Clients that lost their connection get back their id, rooms, data and missed events, if they return within
   * `maxDisconnectionDuration` (ms, default 120 000). They pass by the middleware unless `skipMiddlewares` is false;
   * never by `authenticate`. True is `{}`. Default off.
   */
  connectionStateRecovery?: boolean | null | { maxDisconnectionDuration?: number; skipMiddlewares?: boolean };
  /** Most sockets that may wait for `authenticate` or middleware; more are refused (ERR_BUSY). Default 10 000. */
  maxPendingAuthentications?: number;
  /**
   * Proxies are in front of the server: what they say of the client's address, and of the host and protocol that it asked
   * for, is believed. `true` is one proxy, a number says how many; the entry so far from the right of a list counts. They
   * must write the headers themselves: `X-Forwarded-For`, `-Host`, `-Proto`, or `Forwarded`. Default false.
   */
  trustProxy?: boolean | number | { hops?: number; header?: "x-forwarded" | "forwarded" };
  /**
   * Schemas of your own events, by Standard Schema (zod, valibot, arktype): an event from a client is checked before any
   * handler, which gets what the schema gives; a client that sends another gets ERR_INVALID_EVENT. Emits of these names are
   * checked, too, and throw it. In the real-time layer the schema is of the envelope's `data`, and so is what handlers get.
   */
  schemas?: EventSchemas;
  /**
   * Serves the files of the installed `socket.io-client` below the path, `/socket.io/socket.io.js` and its like, for pages
   * without a bundler. Default true, in the nself layer false.
   */
  serveClient?: boolean;
  allowEIO3?: false;
  /**
   * Upgrades to other paths that nobody has answered after `destroyUpgradeTimeout` (ms, default 1000) end. Default true, in
   * the nself layer false.
   */
  destroyUpgrade?: boolean;
  /** See `destroyUpgrade`. Default 1000. */
  destroyUpgradeTimeout?: number;
  /** A namespace that was made when a client asked for it goes with its last socket. Default false. */
  cleanupEmptyChildNamespaces?: boolean;
  /** The path is matched with and without its trailing slash, whatever is given. */
  addTrailingSlash?: boolean;
  /** Node's own rooms: an adapter of another package is refused, for rooms are Rust's. */
  adapter?: AdapterConstructor | undefined;
}

/** Options of the real-time layer: those of `ServerOptions`, with nself's own defaults, and a few more. */
export interface RealtimeOptions extends ServerOptions {
  /** Who a client is. Null, a throw, or no answer in 10 s refuses it. Without it nobody has a userId. */
  authenticate?: Authenticate;
  /** Which rooms a client may join. Without it, all; a ticket's rooms are not asked about. */
  authorizeJoin?: AuthorizeJoin;
  /** Most rooms that a client may join with one socket (ERR_TOO_MANY_ROOMS). Default 100. */
  maxRoomsPerSocket?: number;
  /**
   * Most rooms: beyond, no client can make a new one by joining it (ERR_TOO_MANY_ROOMS). The clients of one address that made
   * many must leave as many free. Default 100 000.
   */
  maxRooms?: number;
  /**
   * Keys of `createTicket`, each a secret of at least 32 bytes: the first signs, any verifies, so that a new one can be put
   * in front while tickets of the older are out. With tickets and without `authenticate`, nobody connects without one.
   */
  tickets?: { keys: string[] };
  /** At most `maxEvents` (10) or `window` ms (100) of batched events per room leave together. */
  batch?: { maxEvents?: number; window?: number };
  /**
   * A client of which nothing was heard for `staleAfter` ms (300 000) is disconnected; looked for every `sweepInterval` ms
   * (60 000). A user who is cut off has left a room, and an empty room's producer ends, after `grace` ms (3000).
   * Rooms of up to `smallRoom` members (100) hear of each who comes and goes, `room:joined` and `room:left`; larger ones get
   * one `room:members` a second at most.
   */
  presence?: { staleAfter?: number; sweepInterval?: number; grace?: number; smallRoom?: number };
  /** Longest time to flush at shutdown, in ms. Default 5000. */
  shutdownTimeout?: number;
}
