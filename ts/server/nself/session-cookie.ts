// A ready-made `authenticate` for sessions that are named by a cookie, or by a bearer token.

import type { Authenticate, AuthenticateHandshake, AuthenticateResult } from "../options/authenticate.js";
import { func, invalid, known, object, text } from "../options/option-checks.js";

/** Looks a session up by its key: who that is, or null if there is no such session. */
export type ValidateSession = (
  key: string,
  handshake: AuthenticateHandshake,
) => AuthenticateResult | null | undefined | Promise<AuthenticateResult | null | undefined>;

/** Options of `sessionCookie`. */
export interface SessionCookieOptions {
  /** What a key looks like, as a whole. Default: 64 hexadecimal digits. */
  shape?: RegExp;
}

const HEX = /[0-9a-f]{64}/i;

/**
 * An `authenticate` for the cookie `name`. `validate` sees only keys of the right shape, and its result becomes what
 * `disconnectSession(key)` ends. A program that is no browser may send `Authorization: Bearer <key>` instead; if it does,
 * the cookie does not count. Throws ERR_INVALID_OPTION.
 */
export function sessionCookie(
  name: string,
  validate: ValidateSession,
  options: SessionCookieOptions = {},
): Authenticate {
  text("name", name);
  func("validate", validate);
  const shape = known("", object("options", options), ["shape"]).get("shape") ?? HEX;
  if (!(shape instanceof RegExp)) invalid("shape", "a regular expression");
  // Without flags by which it would remember, or match a line of many.
  const whole = new RegExp(`^(?:${shape.source})$`, shape.flags.replace(/[gmy]/g, ""));
  return async (handshake) => {
    const key = bearer(handshake.headers.authorization) ?? handshake.cookies[name];
    if (key === undefined || !whole.test(key)) return null;
    const found = await validate(key, handshake);
    return found ? { session: key, ...found } : null;
  };
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1];
}
