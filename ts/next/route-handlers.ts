// Route handlers for an HTTP view of the real-time server: who is connected, its metrics, and emitting by POST.

import { EMITTED_EVENTS } from "../events.js";
import { getWebSocketServer } from "../server/index.js";
import { forwardedAddress, RateLimit } from "./rate-limit.js";
import { BodyTooLarge, readBody } from "./read-body.js";

/**
 * True or an object: allowed; its `userId`, if it has one, is whom `rateLimit` counts. Null or undefined: nobody is
 * logged in (401). False: whoever it is may not (403). A throw refuses, too (500).
 */
export type AuthorizeResult = boolean | object | null | undefined;

export interface RouteOptions {
  /** Asked before anything else. Without it everything is refused in production, and allowed in development. */
  authorize?: (request: Request) => AuthorizeResult | Promise<AuthorizeResult>;
  /** Largest body of a POST, in bytes. Default 65 536. */
  maxBodySize?: number;
  /**
   * POSTs a minute of one user, or else of one address, which may come all at once. Default `{ perMinute: 60 }`; false:
   * any number. Without a `userId` from `authorize` and without `trustProxy` all share one limit, as a route handler
   * sees no address that a client could not make up.
   */
  rateLimit?: { perMinute: number } | false;
  /**
   * How many proxies of your own stand before Next (true: one). The client's address is then taken from
   * X-Forwarded-For, that many entries from its right. Default 0: the header is not believed.
   */
  trustProxy?: boolean | number;
}

export interface RouteHandlers {
  GET(request: Request): Promise<Response>;
  POST(request: Request): Promise<Response>;
}

/**
 * `export const { GET, POST } = createRouteHandlers({ authorize })` in a route.ts.
 *
 * GET answers `{ success, data: { connected, presence } }`, with `?room=` of that room alone; if the path ends in `/metrics` or the query has `metrics`,
 * Prometheus' text instead. POST takes `{ eventType, data, room? }`, one of the six events. Refusals are
 * `{ success: false, code, error }` with 400, 401, 403, 413, 429 (with Retry-After), or 503 when no server runs.
 */
export function createRouteHandlers(options: RouteOptions = {}): RouteHandlers {
  const { authorize, maxBodySize = 65_536, rateLimit = { perMinute: 60 }, trustProxy = 0 } = options;
  const limit = rateLimit === false ? undefined : new RateLimit(rateLimit.perMinute);

  const guarded = async (request: Request, handle: (user: string | undefined) => Promise<Response> | Response) => {
    // Reading a header keeps Next 14 from rendering the route at build time.
    request.headers.get("host");
    const user = await allow(request, authorize);
    if (user instanceof Response) return user;
    try {
      return await handle(user);
    } catch (error) {
      return failure(error);
    }
  };

  const get = (request: Request) =>
    guarded(request, () => (wantsMetrics(request.url) ? metrics() : health(request.url)));
  const post = (request: Request) =>
    guarded(request, async (user) => {
      const client = user === undefined ? `address ${forwardedAddress(request, Number(trustProxy))}` : `user ${user}`;
      const wait = limit?.take(client) ?? 0;
      return wait > 0 ? tooMany(wait) : emit(await readBody(request, maxBodySize));
    });
  return { GET: get, POST: post };
}

function wantsMetrics(url: string): boolean {
  const { pathname, searchParams } = new URL(url);
  return /\/metrics\/?$/.test(pathname) || searchParams.has("metrics");
}

function health(url: string): Response {
  const room = new URL(url).searchParams.get("room");
  const server = getWebSocketServer();
  const presence = room === null ? server.getPresence() : server.getRoomPresence(room);
  return Response.json({ success: true, data: { connected: presence.length, presence } });
}

function metrics(): Response {
  const type = "text/plain; version=0.0.4; charset=utf-8";
  return new Response(getWebSocketServer().metrics(), { headers: { "content-type": type } });
}

function tooMany(seconds: number): Response {
  const response = problem(429, "ERR_RATE_LIMITED", `too many requests: try again in ${seconds} s`);
  response.headers.set("retry-after", String(seconds));
  return response;
}

/** The refusal, or the userId of who is allowed, if `authorize` gave one. */
async function allow(request: Request, authorize: RouteOptions["authorize"]): Promise<Response | string | undefined> {
  if (!authorize) {
    if (process.env.NODE_ENV !== "production") return undefined;
    return problem(403, "ERR_FORBIDDEN", "createRouteHandlers() was given no authorize: refused in production");
  }
  let result: AuthorizeResult;
  try {
    result = await authorize(request);
  } catch (error) {
    console.error("nself-realtime: authorize failed, the request is refused:", error);
    return problem(500, "ERR_AUTHORIZATION", "authorization failed");
  }
  if (result === null || result === undefined) return problem(401, "ERR_UNAUTHORIZED", "unauthorized");
  // An empty string or 0 is not a yes, whatever else it may be.
  if (result !== true && typeof result !== "object") return problem(403, "ERR_FORBIDDEN", "forbidden");
  const { userId } = result as { userId?: unknown };
  return typeof userId === "string" ? userId : undefined;
}

function emit(body: string): Response {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return problem(400, "ERR_INVALID_JSON", "the body is not JSON");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return problem(400, "ERR_INVALID_JSON", "the body is not an object");
  }
  const { eventType, data, room } = message as { eventType?: unknown; data?: unknown; room?: unknown };
  const type = EMITTED_EVENTS.find((name) => name === eventType);
  if (!type) return problem(400, "ERR_INVALID_EVENT", `eventType must be one of ${EMITTED_EVENTS.join(", ")}`);
  if (room !== undefined && typeof room !== "string") return problem(400, "ERR_INVALID_ROOM", "room must be a string");

  // The native side checks every field of the data.
  const server = getWebSocketServer();
  const accepted =
    room === undefined ? server.broadcast<string>(type, data) : server.broadcastToRoom<string>(room, type, data);
  return accepted
    ? Response.json({ success: true, message: "Event emitted" })
    : problem(503, "ERR_NOT_RUNNING", "no real-time server runs in this process");
}

function failure(error: unknown): Response {
  if (error instanceof BodyTooLarge) return problem(413, "ERR_TOO_LARGE", error.message);
  const { code, message } = error as { code?: unknown; message?: string };
  if (code === "ERR_INVALID_EVENT" || code === "ERR_INVALID_ROOM") return problem(400, code, message ?? "invalid");
  if (code === "ERR_NOT_RUNNING") return problem(503, code, message ?? "not running");
  throw error;
}

function problem(status: number, code: string, error: string): Response {
  return Response.json({ success: false, code, error }, { status });
}
