// Takes the requests of one path from an HTTP server before anybody else sees them, by wrapping `emit` of the server, or
// of the prototype of all servers. Everything else goes on as if nothing were there.

import type { EventEmitter } from "node:events";
import { type Server as HttpServer, type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** What is done with the requests of one path. */
export interface Handlers {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Whether it is also theirs what lies below the path, by what comes behind its slash. Default: nothing is. */
  below?(rest: string): boolean;
  /** An upgrade is nobody's who claims. */
  foreign?(socket: Duplex, request: IncomingMessage, head: Buffer): void;
  /** It only looks at what comes: Node need not report upgrades for it. */
  passive?: true;
  /** A server started to listen or accepted a connection. */
  active?(): void;
}

interface Claim extends Handlers {
  path: string;
}
interface Wrapped {
  claims: Claim[];
  unwrap(): void;
}
type Emit = EventEmitter["emit"];
type Claimable = EventEmitter & { [WRAPPED]?: Wrapped };

// Shared by all copies of this package, so that one server is wrapped once.
const WRAPPED = Symbol.for("nself-realtime.claims");

/**
 * Claims `path` (with and without its trailing slash, any query, and below it what the handlers say) on an HTTP server, or
 * on the prototype of all. Returns the function that undoes it.
 */
export function claim(target: EventEmitter, path: string, handlers: Handlers): () => void {
  const claimable = target as Claimable;
  const wrapped = Object.hasOwn(claimable, WRAPPED) ? claimable[WRAPPED]! : wrap(claimable);
  const mine: Claim = { ...handlers, path };
  wrapped.claims.push(mine);
  return () => {
    const at = wrapped.claims.indexOf(mine);
    if (at >= 0) wrapped.claims.splice(at, 1);
    if (wrapped.claims.length === 0) wrapped.unwrap();
  };
}

function wrap(target: Claimable): Wrapped {
  const claims: Claim[] = [];
  const own = Object.getOwnPropertyDescriptor(target, "emit");
  const emit: Emit = function (this: HttpServer, event: string | symbol, ...args: unknown[]): boolean {
    if (handled(this, claims, event, args)) return true;
    const original = own ? (own.value as Emit) : (Object.getPrototypeOf(target) as EventEmitter).emit;
    return original.call(this, event, ...args) || isLost(claims, event, args);
  };
  const unwrap = () => {
    // Somebody may have wrapped our wrapper since; then it stays, and finds no claims.
    if (target.emit !== emit) return;
    delete target[WRAPPED];
    if (own) Object.defineProperty(target, "emit", own);
    else delete (target as { emit?: Emit }).emit;
  };
  target.emit = emit;
  const wrapped = { claims, unwrap };
  Object.defineProperty(target, WRAPPED, { value: wrapped, configurable: true });
  return wrapped;
}

function handled(server: HttpServer, claims: Claim[], event: string | symbol, args: unknown[]): boolean {
  switch (event) {
    case "listening":
    case "connection":
    case "secureConnection":
      if (claims.some(({ passive }) => !passive)) hearUpgrades(server);
      for (const claim of [...claims]) claim.active?.();
      return false;
    case "request":
    case "checkContinue": {
      const [request, response] = args as [IncomingMessage, ServerResponse];
      const claim = claims.find((one) => matches(one, request.url, false));
      if (!claim) return false;
      if (event === "checkContinue") response.writeContinue();
      claim.request(request, response);
      return true;
    }
    case "upgrade": {
      const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer];
      const claim = claims.find((one) => matches(one, request.url, true));
      if (claim) claim.upgrade(request, socket, head);
      else for (const one of [...claims]) one.foreign?.(socket, request, head);
      return claim !== undefined;
    }
    default:
      return false;
  }
}

/** Answers a request at or below a claimed path that nobody listens for: without an application it would hang. */
function isLost(claims: Claim[], event: string | symbol, args: unknown[]): boolean {
  if (event !== "request") return false;
  const [request, response] = args as [IncomingMessage, ServerResponse];
  const path = request.url?.split("?")[0] ?? "";
  const claim = claims.find((one) => path === one.path || path.startsWith(`${one.path}/`));
  if (!claim || response.writableEnded) return false;
  response.writeHead(404, { "Content-Type": "text/plain" });
  response.end(`This server answers at ${claim.path}/ only.\n`);
  return true;
}

/**
 * Whether a URL is the path itself, or claimed below it. A plain request to the path without its slash must also look like Engine.IO: the
 * application may have a route there (nself-admin's `GET /api/ws`), as Socket.IO's own clients always add the slash.
 */
export function matches(
  { path, below }: Pick<Claim, "path" | "below">,
  url: string | undefined,
  upgrade: boolean,
): boolean {
  if (!url?.startsWith(path)) return false;
  const end = url.indexOf("?");
  const rest = url.slice(path.length, end < 0 ? undefined : end);
  if (rest === "/") return true;
  if (rest.startsWith("/")) return below?.(rest.slice(1)) === true;
  return rest === "" && (upgrade || (end >= 0 && /[?&](?:EIO|transport|sid)=/.test(url.slice(end))));
}

/** Node reports upgrades only to a server with a listener for them; Next adds its own with the first request. */
export function hearUpgrades(server: HttpServer): void {
  if (server.listenerCount("upgrade") === 0) server.on("upgrade", passOn);
}

/** Nobody but us made Node treat this as an upgrade: give it to the application as the plain request it would be. */
function passOn(this: HttpServer, request: IncomingMessage, socket: Duplex): void {
  if (this.listenerCount("upgrade") > 1) return;
  socket.on("error", () => {});
  if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined) {
    // Node parses no body after an upgrade.
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
  response.once("finish", () => socket.end());
  if (!this.emit("request", request, response)) socket.destroy();
}
