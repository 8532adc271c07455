// The session of the page that is being rendered.

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
