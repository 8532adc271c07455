// The session's cookie: `nself-session`, out of reach of scripts, and not sent along by other sites' requests.

import { SESSION_LENGTH } from "./store";

export const COOKIE = "nself-session";

/** A Set-Cookie header; without an id it takes the cookie away. */
export function setCookie(request: Request, id?: string): string {
  const age = id ? SESSION_LENGTH / 1000 : 0;
  const secure = request.headers.get("x-forwarded-proto") === "https" ? "; Secure" : "";
  return `${COOKIE}=${id ?? ""}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${age}${secure}`;
}
