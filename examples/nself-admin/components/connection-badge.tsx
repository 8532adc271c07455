"use client";
// Whether this page gets events right now.

import { useWebSocket } from "nself-realtime/react";

export function ConnectionBadge() {
  const { connected, reconnecting, status } = useWebSocket();
  const state = connected ? "live" : reconnecting ? "reconnecting" : "connecting";
  const attempt = reconnecting && status.reconnectAttempts > 0 ? `, attempt ${status.reconnectAttempts}` : "";
  return (
    <output className="badge" data-state={state} aria-label="Connection" aria-live="polite">
      {connected ? "Live" : reconnecting ? `Reconnecting${attempt}` : "Connecting"}
    </output>
  );
}
