"use client";
// useRoom: membership of a room, for as long as the component is mounted.

import { useEffect, useState } from "react";
import { getWebSocketClient, type RoomAck } from "../client/index.js";

/** What {@link useRoom} returns. */
export interface UseRoom {
  /** The server let us in. It holds through reconnects, which join again, until the server refuses that or the connection. */
  joined: boolean;
  /** Why it did not. */
  error: { code: string; error: string } | null;
}

/** Joins `room`, and leaves it when no component wants it any more. Null: no room. */
export function useRoom(room: string | null): UseRoom {
  const [answer, setAnswer] = useState<{ room: string; ack: RoomAck } | null>(null);
  useEffect(() => {
    if (room === null) return;
    const client = getWebSocketClient();
    let mounted = true;
    const join = async () => {
      const ack = await client.joinRoom(room);
      if (mounted) setAnswer({ room, ack });
    };
    const release = client.retain();
    void join();
    let lost = false;
    const off = client.onStatusChange(({ connected, reconnecting, refused = false }) => {
      if (refused || (connected && lost)) {
        // The client knows the answer, or is asking again already: this hears it, and adds no member.
        void join();
        void client.leaveRoom(room);
      }
      lost = !connected && (lost || reconnecting || refused);
    });
    return () => {
      mounted = false;
      off();
      void client.leaveRoom(room);
      release();
    };
  }, [room]);
  // The answer for an earlier room says nothing about this one.
  const ack = answer?.room === room ? answer?.ack : undefined;
  return { joined: ack?.ok === true, error: ack?.ok === false ? { code: ack.code, error: ack.error } : null };
}
