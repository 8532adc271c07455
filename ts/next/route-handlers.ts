// Route handlers for an HTTP view of the real-time server: who is connected, its metrics, and emitting by POST.

import { EMITTED_EVENTS } from "../events.js";
import { emitEvent, getWebSocketServer } from "../server/index.js";
import { forwardedAddress, RateLimit } from "./rate-limit.js";
import { BodyTooLarge, readBody } from "./read-body.js";

/** Who a request is of: whom `rateLimit` counts. */
export interface RouteIdentity {
  userId: string;
}

/**
 * Only true and an object with a `userId` let a request in. Null or undefined: nobody is logged in (401). False: whoever it
 * is may not (403). A Response is a refusal of your own, and is sent as it is. Anything else refuses (403), and so does
 * a throw (500); the server's log says why.
 */
export type AuthorizeResult = boolean | RouteIdentity | Response | null | undefined;

export interface RouteOptions {
  /** Asked about every request that no foreign page has made. Without it everything is refused in production, and allowed in development. */
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

/** What a browser says of a request that no other site's page has caused. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

/**
 * `export const { GET, POST } = createRouteHandlers({ authorize })` in a route.ts.
 *
 * GET answers `{ success, data: { connected, presence } }`, with `?room=` of that room alone; if the path ends in
 * `/metrics` or the query has `metrics`, Prometheus' text instead. POST takes `{ eventType, data, room? }` as
 * `application/json`, one of the six events; `room` may be a list. What a page of another origin posts is refused, so that
 * no foreign page emits for its visitor. Refusals are `{ success: false, code, error }` with 400, 401, 403, 413, 415, 429
 * (with Retry-After), or 503 when no server runs.
 */
export function createRouteHandlers(options: RouteOptions = {}): RouteHandlers {
  const { authorize, maxBodySize = 65_536, rateLimit = { perMinute: 60 }, trustProxy = 0 } = options;
  const limit = rateLimit === false ? undefined : new RateLimit(rateLimit.perMinute);

  const guarded = async (request: Request, handle: (user: string | undefined) => Promise<Response> | Response) => {
    // Reading a header keeps Next 14 from rendering the route at build time.
    request.headers.get("host");
    const refusal = request.method === "POST" ? foreign(request, Number(trustProxy)) : undefined;
    if (refusal) return refusal;
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
  if (result === true) return undefined;
  if (result instanceof Response) return result;
  if (result === null || result === undefined) return problem(401, "ERR_UNAUTHORIZED", "unauthorized");
  // An error, a list, `{ error }`: whatever it may mean, it is not a yes.
  const userId = typeof result === "object" ? (result.userId as unknown) : undefined;
  if (typeof userId === "string" && userId !== "" && !(result instanceof Error)) return userId;
  if (result !== false) {
    const what = typeof result === "object" ? "an object without a userId, or an error" : typeof result;
    console.error(`nself-realtime: authorize gave ${what}, which lets nobody in: return true, or { userId }`);
  }
  return problem(403, "ERR_FORBIDDEN", "forbidden");
}

/**
 * The refusal of a POST that a page of another origin may have made: its browser would send the visitor's cookie along. A
 * program that is no browser sends neither header.
 */
function foreign(request: Request, proxies: number): Response | undefined {
  const { headers } = request;
  // The browser's own word, which no page can change, counts more than a host that a proxy may have rewritten.
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const own = site === null ? origin === null || isHost(requestedHost(request, proxies), origin) : OWN_SITES.has(site);
  if (!own) return problem(403, "ERR_FORBIDDEN", "a page of another origin may not emit");
  // A page of any origin may send text/plain without being asked; JSON it may not.
  const isJson = /^application\/json *(?:;|$)/i.test(headers.get("content-type") ?? "");
  return isJson ? undefined : problem(415, "ERR_CONTENT_TYPE", "the body must be application/json");
}

/** The host that the client asked for; of a list that `proxies` own proxies wrote, the outermost one's entry. */
function requestedHost({ headers, url }: Request, proxies: number): string {
  const forwarded = proxies > 0 ? headers.get("x-forwarded-host")?.split(",").at(-proxies) : undefined;
  return forwarded?.trim() ?? headers.get("host") ?? new URL(url).host;
}

/** With the port that the origin's scheme has anyway, or without it. */
function isHost(host: string, origin: string): boolean {
  const page = parsed(origin);
  return page !== undefined && page.host !== "" && page.host === parsed(`${page.protocol}//${host}`)?.host;
}

/** Undefined for what is no URL, as the origin "null". */
function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
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

  // Every field of the data is checked, and the room.
  const accepted = room === undefined ? emitEvent(type, data as never) : emitEvent(type, data as never, room as string);
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
