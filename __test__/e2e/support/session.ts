// Logging in to the example without a browser.

/** The password of a demo, which the login page shows. */
export const PASSWORD = "nself-demo";

/** Logs in and returns the Cookie header for later requests. */
export async function logIn(url: string, user = "admin", password = PASSWORD): Promise<string> {
  const response = await fetch(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user, password }),
  });
  const cookie = response.headers.get("set-cookie");
  if (!response.ok || !cookie) throw new Error(`login: ${response.status} ${await response.text()}`);
  return cookie.slice(0, cookie.indexOf(";"));
}
