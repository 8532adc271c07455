// Who is in a room, read over HTTP: events alone tell only who comes and goes.

import type { RoomMember } from "../events.js";
import { RealtimeClientError } from "./error.js";

/** Gives everybody who is in a room now. */
export type LoadPresence = (room: string) => Promise<readonly RoomMember[]>;

/**
 * Loads from `url`, where the application has the GET of `createRouteHandlers`, with the cookies of the page's origin; it asks for the
 * one room. Rejects with `ERR_PRESENCE` when the answer is a refusal or something else.
 */
export function presenceFrom(url: string): LoadPresence {
  return async (room) => {
    const asked = `${url}${url.includes("?") ? "&" : "?"}room=${encodeURIComponent(room)}`;
    const response = await fetch(asked, { headers: { accept: "application/json" }, cache: "no-store" });
    const body: unknown = response.ok ? await response.json() : undefined;
    const list = (body as { data?: { presence?: unknown } } | null | undefined)?.data?.presence;
    if (!Array.isArray(list)) {
      throw new RealtimeClientError("ERR_PRESENCE", `${url} did not say who is there (HTTP ${response.status})`);
    }
    return (list as Array<RoomMember & { rooms: readonly string[] }>)
      .filter(({ rooms }) => rooms.includes(room))
      .map(({ socketId, userId }) => ({ socketId, userId }));
  };
}
