// Who may connect: runs the application's `authenticate` for one handshake. Whatever goes wrong refuses.

import { inTime } from "../process/in-time.js";
import type { ConnectInfo, Handshake } from "./handshake.js";
import type { Any } from "./typed-events.js";

/** What `authenticate` is given: the handshake, with its cookies. */
export interface AuthenticateHandshake extends Handshake {
  /**
   * By name, decoded, as `cookies()` of Next's App Router has them: of two with one name the last counts. (`req.cookies` of
   * the Pages Router has the first.)
   */
  cookies: Record<string, string>;
}

/** Who the client is. Other properties go to `socket.data`. */
export interface AuthenticateResult {
  userId: string;
  /** When the session ends and the connection with it: a Date, or ms since 1970. In `socket.data` it is in ms. */
  expiresAt?: Date | number;
  /** What `disconnectSession` ends. It goes nowhere else. */
  session?: string;
  [key: string]: Any;
}

/**
 * Asked once for a connection, whatever namespaces it joins. Null refuses it, and so does a throw, or no answer within
 * 10 s.
 */
export type Authenticate = (
  handshake: AuthenticateHandshake,
) => AuthenticateResult | null | undefined | Promise<AuthenticateResult | null | undefined>;

export interface Identity {
  userId: string;
  expiresAt: number | undefined;
  session: string | undefined;
  data: Record<string, unknown>;
}

/** What a refused client gets as its `connect_error`. */
export class Refusal {
  constructor(
    readonly message: string,
    readonly data: { code: string },
  ) {}
}

export async function authenticate(check: Authenticate, info: ConnectInfo): Promise<Identity | Refusal> {
  const handshake: AuthenticateHandshake = {
    ...info.handshake,
    auth: info.auth ?? {},
    cookies: parseCookies(info.handshake.headers.cookie),
  };
  const late = new Refusal("authentication timed out", { code: "ERR_AUTHENTICATION_TIMEOUT" });
  try {
    const result = await inTime(() => check(handshake), late);
    if (result instanceof Refusal) return result;
    if (!result) return new Refusal("unauthorized", { code: "ERR_UNAUTHORIZED" });
    const found = identity(result);
    const isOver = found.expiresAt !== undefined && found.expiresAt <= Date.now();
    return isOver ? new Refusal("the session has ended", { code: "ERR_SESSION_ENDED" }) : found;
  } catch (error) {
    // The client is told nothing about the cause; the operator is.
    console.error("nself-realtime: authenticate failed, the connection is refused:", error);
    return new Refusal("authentication failed", { code: "ERR_AUTHENTICATION" });
  }
}

function identity(result: AuthenticateResult): Identity {
  const { userId, expiresAt, session, ...data } = result;
  if (typeof userId !== "string" || userId === "") throw new TypeError("authenticate must return { userId: string }");
  const at = expiresAt === undefined ? undefined : Number(expiresAt);
  if (Number.isNaN(at)) throw new TypeError("expiresAt must be a Date or a number of ms");
  if (session !== undefined && typeof session !== "string") throw new TypeError("session must be a string");
  return { userId, session, expiresAt: at, data: at === undefined ? data : { ...data, expiresAt: at } };
}

/**
 * The Cookie header as Next reads it, to the letter: a page and a socket must not disagree about who somebody is. A map
 * without a prototype.
 */
export function parseCookies(header: string | undefined): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const pair of header?.split(/; */) ?? []) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const [name, value] = equals < 0 ? [pair, "true"] : [pair.slice(0, equals), pair.slice(equals + 1)];
    try {
      cookies[name] = decodeURIComponent(value);
    } catch {
      // It is left out, and one before it with its name counts.
    }
  }
  return cookies;
}
