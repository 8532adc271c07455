"use client";
// The connection as a page needs it: a text that changes with each new connection, false while there is none.

import { useWebSocket } from "nself-realtime/react";

export function useConnection(): string | false {
  const { connected, status } = useWebSocket();
  return connected && (status.lastConnected ?? "now");
}
