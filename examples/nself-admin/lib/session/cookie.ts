// The session's cookie: `nself-session`, out of reach of scripts, and not sent along by other sites' requests.

import { SESSION_LENGTH, type Session, sessions } from "./store";

export const COOKIE = "nself-session";

/** The id that a request brings: in its cookie, or as `Authorization: Bearer`. */
export function sessionId(request: Request): string | undefined {
  const bearer = request.headers.get("authorization")?.match(/^Bearer ([0-9a-f]{64})$/)?.[1];
  return bearer ?? request.headers.get("cookie")?.match(/(?:^|;\s*)nself-session=([0-9a-f]{64})(?:;|$)/)?.[1];
}

/** The session that a request belongs to. */
export function readSession(request: Request): Session | null {
  return sessions().find(sessionId(request));
}

/** A Set-Cookie header; without an id it takes the cookie away. */
export function setCookie(request: Request, id?: string): string {
  const age = id ? SESSION_LENGTH / 1000 : 0;
  const secure = request.headers.get("x-forwarded-proto") === "https" ? "; Secure" : "";
  return `${COOKIE}=${id ?? ""}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${age}${secure}`;
}
