// Which rooms a client may join: asks the application's `authorizeJoin`. Only a clear yes lets it in.

import { inTime } from "../process/in-time.js";
import type { Handshake } from "./handshake.js";
import type { Any } from "./typed-events.js";

/** Who wants to join: the Socket.IO socket, of which this much is known here. */
export interface JoiningSocket {
  readonly id: string;
  readonly userId: string | null;
  readonly handshake: Handshake;
  readonly rooms: Set<string>;
  data: Any;
}

/** Decides whether a client may join a room. Anything but true, a throw, or no answer within 10 s refuses. */
// As a method, so that a function which names the whole Socket fits.
export type AuthorizeJoin = {
  check(socket: JoiningSocket, room: string): boolean | Promise<boolean>;
}["check"];

/** Undefined: it may. Otherwise what the client is told. */
export async function authorizeJoin(
  check: AuthorizeJoin,
  socket: JoiningSocket,
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
