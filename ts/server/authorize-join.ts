// Which rooms a client may join: asks the application's `authorizeJoin`. Only a clear yes lets it in.

import { inTime } from "./in-time.js";
import type { Socket } from "./socket.js";
import type { Any } from "./typed-events.js";

/** Decides whether a client may join a room. Anything but true, a throw, or no answer within 10 s refuses. */
export type AuthorizeJoin = (socket: Socket<Any, Any, Any, Any>, room: string) => boolean | Promise<boolean>;

/** Undefined: it may. Otherwise what the client is told. */
export async function authorizeJoin(
  check: AuthorizeJoin,
  socket: Socket<Any, Any, Any, Any>,
  room: string,
): Promise<string | undefined> {
  try {
    const answer = await inTime(() => check(socket, room), "late");
    if (answer === true) return undefined;
    return answer === "late" ? "authorization timed out" : `you may not join room "${room}"`;
  } catch (error) {
    console.error("nself-realtime: authorizeJoin failed, the client may not join:", error);
    return "authorization failed";
  }
}
