// The session of the page that is being rendered.

import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { COOKIE } from "./cookie";
import { type Session, sessions } from "./store";

export async function currentSession(): Promise<Session | null> {
  return sessions().find((await cookies()).get(COOKIE)?.value);
}

/** Sends whoever is not logged in to the login page. */
export async function requireSession(): Promise<Session> {
  return (await currentSession()) ?? redirect("/login");
}
