// The sessions of logged-in browsers. They live in this process, and a file keeps them over a restart; the file holds hashes of the ids,
// so that reading it logs nobody in.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataFolder } from "../data-folder";
import { processWide } from "../process-wide";

/** How long a session lasts, in ms. */
export const SESSION_LENGTH = 8 * 60 * 60 * 1000;

export interface Session {
  userId: string;
  /** ms since 1970. */
  expiresAt: number;
}

const hash = (id: string) => createHash("sha256").update(id).digest("hex");

class SessionStore {
  private readonly file = join(dataFolder(), "sessions.json");
  private readonly sessions = new Map<string, Session>(this.read());

  /** Returns the new session's id: 64 hex characters. */
  create(userId: string): string {
    const id = randomBytes(32).toString("hex");
    this.sessions.set(hash(id), { userId, expiresAt: Date.now() + SESSION_LENGTH });
    this.write();
    return id;
  }

  find(id: string | undefined): Session | null {
    if (!id || !/^[0-9a-f]{64}$/.test(id)) return null;
    const session = this.sessions.get(hash(id));
    return session && session.expiresAt > Date.now() ? session : null;
  }

  end(id: string): void {
    if (this.sessions.delete(hash(id))) this.write();
  }

  private read(): Array<[string, Session]> {
    try {
      return JSON.parse(readFileSync(this.file, "utf8")) as Array<[string, Session]>;
    } catch {
      // The first start, or a file cut short: everybody logs in again.
      return [];
    }
  }

  private write(): void {
    const live = [...this.sessions].filter(([, session]) => session.expiresAt > Date.now());
    writeFileSync(`${this.file}.new`, JSON.stringify(live), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }
}

export function sessions(): SessionStore {
  return processWide("sessions", () => new SessionStore());
}
