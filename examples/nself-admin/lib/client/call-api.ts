"use client";
// Calls an API route of this app and says in a sentence what went wrong.

import type { Answer } from "../api/answer";

/** Resolves with null, or with why it failed. A session that has ended leads to the login page. */
export async function callApi(
  path: string,
  body: object = {},
  method: "POST" | "DELETE" = "POST",
): Promise<string | null> {
  try {
    const response = await fetch(path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Answer<unknown>;
    if (response.status === 401 && path !== "/api/auth/login") location.assign("/login");
    return answer.success ? null : answer.error;
  } catch {
    return "The server did not answer";
  }
}
