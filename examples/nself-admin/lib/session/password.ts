// Who may log in: anybody who knows the password of NSELF_ADMIN_PASSWORD, under a name of their choice. Without that variable this is a
// demo, with a password that the login page shows.

import { createHash, timingSafeEqual } from "node:crypto";
import { processWide } from "../process-wide";

const DEMO_PASSWORD = "nself-demo";
/** Wrong passwords in a minute, by all together, after which nobody is asked any more. */
const MOST_FAILURES = 10;
const WINDOW = 60_000;

const failures = processWide("login-failures", () => [] as number[]);
const digest = (text: string) => createHash("sha256").update(text).digest();

/** The password to show on the login page; null if the operator has set one. */
export function demoPassword(): string | null {
  return process.env.NSELF_ADMIN_PASSWORD ? null : DEMO_PASSWORD;
}

/** Whether the password is right, or "later" after too many wrong ones. */
export function checkPassword(password: string): boolean | "later" {
  const now = Date.now();
  while (failures[0] !== undefined && failures[0] < now - WINDOW) failures.shift();
  if (failures.length >= MOST_FAILURES) return "later";
  // Hashes are of one length, and compared in constant time.
  const right = timingSafeEqual(digest(password), digest(process.env.NSELF_ADMIN_PASSWORD || DEMO_PASSWORD));
  if (!right) failures.push(now);
  return right;
}
