// Where this admin keeps what it makes: the database, builds, releases and sessions. NSELF_DATA names it; else it is a folder in the
// system's temporary one, the same for each start on the same port.

import { mkdirSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { processWide } from "./process-wide";

/** The folder, absolute; made, and readable by this user only, at the first call. */
export function dataFolder(): string {
  return processWide("data-folder", () => {
    const { uid, username } = userInfo();
    const name = `nself-admin-${username}-${process.env.PORT ?? "3021"}`;
    const folder = process.env.NSELF_DATA ?? join(tmpdir(), name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // A temporary folder is everybody's: somebody else may have made it first, to read our sessions.
    const owner = statSync(/* turbopackIgnore: true */ folder).uid;
    if (uid >= 0 && owner !== uid) throw new Error(`${folder} belongs to another user: set NSELF_DATA`);
    return folder;
  });
}
