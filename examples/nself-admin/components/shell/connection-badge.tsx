"use client";
// Whether this page gets events right now.

import { useWebSocket } from "nself-realtime/react";
import { useSyncExternalStore } from "react";

function subscribe(listener: () => void): () => void {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}

/** Whether the machine has a network at all. */
export function useOnline(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
}

export function ConnectionBadge() {
  const { connected, reconnecting, status } = useWebSocket();
  const online = useOnline();
  // A server on this machine is reached without a network: what counts first is the connection itself.
  const state = connected
    ? "connected"
    : status.refused
      ? "refused"
      : !online
        ? "offline"
        : reconnecting
          ? "reconnecting"
          : "connecting";
  const attempt = status.reconnectAttempts > 1 ? ` (${status.reconnectAttempts})` : "";
  const text = {
    connected: "Connected",
    offline: "Offline",
    reconnecting: `Reconnecting${attempt}`,
    connecting: "Connecting",
    refused: "Refused",
  }[state];
  return (
    <output className="badge" data-state={state} aria-label="Connection" aria-live="polite">
      {text}
    </output>
  );
}
