"use client";
// Membership of several rooms at once, for as long as the component is mounted.

import { useWebSocket } from "nself-realtime/react";
import { useEffect, useState } from "react";

/** Joins `rooms` and returns whether the server let us into all of them. */
export function useRooms(rooms: readonly string[]): boolean {
  const { joinRoom, leaveRoom } = useWebSocket();
  const key = rooms.join(" ");
  const [joined, setJoined] = useState("");
  useEffect(() => {
    const names = key.split(" ");
    let mounted = true;
    Promise.all(names.map((name) => joinRoom(name))).then((acks) => {
      if (mounted && acks.every((ack) => ack.ok)) setJoined(key);
    });
    return () => {
      mounted = false;
      for (const name of names) leaveRoom(name);
    };
  }, [key, joinRoom, leaveRoom]);
  return joined === key;
}
