// Looks a session up by asking the application's own route. What instrumentation.ts imports is another copy of a module than the one
// that the application's routes have, so a store that lives in a module, or keeps a file open, would be there twice.

import type { AuthenticateHandshake, AuthenticateResult } from "../options/authenticate.js";
import { func, invalid, known, object, text } from "../options/option-checks.js";
import type { Any } from "../options/typed-events.js";
import type { ValidateSession } from "./session-cookie.js";

/** Options of `sessionFromRoute`. */
export interface SessionFromRouteOptions {
  /** GET sends the client's cookies, as a page would. POST sends `{ "token": key }` with them. Default GET. */
  method?: "GET" | "POST";
  /** Who the route's answer, parsed JSON, speaks of. Default: its `userId` and `expiresAt`, a time in ms or as text. */
  read?: (body: Any) => AuthenticateResult | null | undefined;
}

/** How long the route may take, in ms: as long as `authenticate` may. */
const PATIENCE = 10_000;
/** What of the client's request the route may need. */
const HEADERS = ["cookie", "authorization", "user-agent"] as const;
/** These say that there is no such session. A redirect does, too: to the login page. */
const NOBODY: ReadonlySet<number> = new Set([401, 403]);

/**
 * For `sessionCookie`: asks a route of the application who a session's key belongs to. `url` is a path, which is asked of this machine
 * at the port in the environment variable PORT (Next sets it) or 3000, or a whole URL. 401, 403, a redirect, and `valid: false` or
 * `success: false` in the answer mean nobody; anything else but JSON with a `userId` fails, as the server's log says. Throws
 * ERR_INVALID_OPTION.
 */
export function sessionFromRoute(url: string, options: SessionFromRouteOptions = {}): ValidateSession {
  const isPath = text("url", url).startsWith("/");
  if (!isPath && !/^https?:/.test(url)) invalid("url", "a path that begins with /, or a URL");
  const given = known("", object("options", options), ["method", "read"]);
  const method = given.get("method") ?? "GET";
  if (method !== "GET" && method !== "POST") invalid("method", '"GET" or "POST"');
  const read = given.has("read") ? func<typeof whoever>("read", given.get("read")) : whoever;
  return async (token, handshake) => {
    // Next sets the port only when it listens.
    const target = isPath ? `http://127.0.0.1:${process.env.PORT || 3000}${url}` : url;
    const response = await fetch(target, {
      method,
      headers: headersOf(handshake, method),
      body: method === "POST" ? JSON.stringify({ token }) : null,
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const isRedirect = response.status >= 300 && response.status < 400;
    if (!response.ok) await response.body?.cancel();
    if (isRedirect || NOBODY.has(response.status)) return null;
    if (!response.ok) throw new Error(`${method} ${target} answered ${response.status}`);
    return read(await response.json());
  };
}

function headersOf({ headers }: AuthenticateHandshake, method: string): Record<string, string> {
  const own: Record<string, string> = { accept: "application/json" };
  if (method === "POST") own["content-type"] = "application/json";
  for (const name of HEADERS) {
    const value = headers[name];
    if (value !== undefined) own[name] = value;
  }
  return own;
}

function whoever(body: Any): AuthenticateResult | null {
  if (body === null || body?.valid === false || body?.success === false) return null;
  const { userId, expiresAt } = body as { userId: string; expiresAt?: string | number | null };
  return expiresAt === undefined || expiresAt === null ? { userId } : { userId, expiresAt: new Date(expiresAt) };
}
