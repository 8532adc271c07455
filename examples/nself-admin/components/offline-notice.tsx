"use client";
// Says that what is shown may be old, while a connection that was there is lost.

import { useWebSocket } from "nself-realtime/react";
import { Time } from "./time";

export function OfflineNotice() {
  const { connected, status } = useWebSocket();
  if (connected || !status.lastConnected) return null;
  return (
    <p className="notice" role="status">
      The connection is lost. This page shows what it last heard, and catches up by itself; it was last connected at{" "}
      <Time iso={status.lastConnected} />.
    </p>
  );
}
