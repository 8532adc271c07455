"use client";
// usePresence: who is in a room.

import { useCallback, useInsertionEffect, useRef, useSyncExternalStore } from "react";
import type { LoadPresence } from "../client/index.js";
import type { PresenceMember } from "./members.js";
import { followPresence, NOBODY, presenceOf } from "./presence-store.js";
import { type UseRoom, useRoom } from "./use-room.js";

/** Options of {@link usePresence}. */
export interface UsePresenceOptions {
  /** Gives everybody who is in the room: `presenceFrom("/api/realtime")`, for example. Asked after each (re)join. */
  load?: LoadPresence;
}

/** What {@link usePresence} returns. */
export interface UsePresence {
  /** Users once each, however many tabs they have open; first come, first listed. */
  members: readonly PresenceMember[];
  /**
   * Sockets in the room. The server says it in a room that is too large for every coming and going to be told (100 members, unless told
   * otherwise), where `members` may not have everybody; elsewhere it is that of `members`.
   */
  count: number;
  /** The server let us into the room. */
  joined: boolean;
  /** Why it did not; or why `load` failed, with code `ERR_PRESENCE`. */
  error: UseRoom["error"];
}

/**
 * Joins `room` (null: none) and follows who is in it, by the events `room:joined` and `room:left`, or `room:members` in a large
 * room. These tell who comes and goes: without `load`, somebody who was there before this page is not in the list.
 */
export function usePresence(room: string | null, { load }: UsePresenceOptions = {}): UsePresence {
  const latest = useRef(load);
  useInsertionEffect(() => {
    latest.current = load;
  });
  const loads = load !== undefined;
  const subscribe = useCallback(
    (listener: () => void) => {
      if (room === null) return () => {};
      const loader: LoadPresence = async (of) => (await latest.current?.(of)) ?? [];
      return followPresence(room, loads ? loader : undefined, listener);
    },
    [room, loads],
  );
  const get = useCallback(() => (room === null ? NOBODY : presenceOf(room)), [room]);
  const { members, count, loadError } = useSyncExternalStore(subscribe, get, getInitial);
  const { joined, error } = useRoom(room);
  return {
    members,
    count,
    joined,
    error: error ?? (loadError === null ? null : { code: "ERR_PRESENCE", error: loadError }),
  };
}

const getInitial = () => NOBODY;
