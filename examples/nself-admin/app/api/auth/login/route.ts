// POST /api/auth/login `{ "user": name, "password": … }`: opens a session and sets its cookie.

import { failure, Refusal, success } from "@/lib/api/answer";
import { readBody, textField } from "@/lib/api/body";
import { isSameOrigin } from "@/lib/api/same-origin";
import { setCookie } from "@/lib/session/cookie";
import { checkPassword } from "@/lib/session/password";
import { sessions } from "@/lib/session/store";

export async function POST(request: Request): Promise<Response> {
  if (!isSameOrigin(request)) return failure(403, "only this site's own pages may do that");
  try {
    const body = await readBody(request);
    const user = textField(body, "user", 32).trim().normalize();
    // It becomes part of a room's name.
    if (Buffer.byteLength(user) > 40) throw new Refusal(400, "that name is too long");
    if (!/^[\p{L}\p{M}\p{N}._-]+$/u.test(user)) throw new Refusal(400, "a name is made of letters, digits, . - and _");
    const right = checkPassword(textField(body, "password", 200));
    if (right === "later") throw new Refusal(429, "too many wrong passwords; try again in a minute");
    if (!right) throw new Refusal(401, "that is not the password");
    const response = success({ user });
    response.headers.set("set-cookie", setCookie(request, sessions().create(user)));
    return response;
  } catch (error) {
    if (error instanceof Refusal) return failure(error.status, error.message);
    throw error;
  }
}
