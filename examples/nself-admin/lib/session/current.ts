// The session of the page that is being rendered, or of the request that a route answers.

import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { COOKIE } from "./cookie";
import { type Session, sessions } from "./store";

export async function currentSession(): Promise<Session | null> {
  // First the cookies: asked for them, `next build` gives up rendering the page in advance, and no session store is made there.
  const jar = await cookies();
  return sessions().find(jar.get(COOKIE)?.value);
}

/** Sends whoever is not logged in to the login page. */
export async function requireSession(): Promise<Session> {
  return (await currentSession()) ?? redirect("/login");
}

/** The id that a request to a route brings: in its cookie, or as `Authorization: Bearer`. */
export async function sessionId(request: Request): Promise<string | undefined> {
  const bearer = request.headers.get("authorization")?.match(/^Bearer ([0-9a-f]{64})$/)?.[1];
  return bearer ?? (await cookies()).get(COOKIE)?.value;
}

/** The session that a request to a route belongs to. */
export async function readSession(request: Request): Promise<Session | null> {
  return sessions().find(await sessionId(request));
}
