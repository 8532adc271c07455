"use client";
// Says that what is shown may be old, while a connection that was there is lost; and goes to the login page if the session is over.

import { useWebSocket } from "nself-realtime/react";
import { useEffect } from "react";
import { Time } from "../parts/time";
import { useOnline } from "./connection-badge";

export function ConnectionNotice() {
  const { connected, status } = useWebSocket();
  const online = useOnline();
  const attempts = status.reconnectAttempts;
  useEffect(() => {
    if (attempts === 0) return;
    // A server that refuses us looks like one that is gone: ask it, once for each attempt.
    fetch("/api/auth/session", { cache: "no-store" }).then(
      (response) => {
        if (response.status === 401) location.assign("/login");
      },
      () => {},
    );
  }, [attempts]);
  if (connected || !status.lastConnected) return null;
  return (
    <p className="notice" role="status">
      {online ? "The connection is lost. " : "This device is offline. "}
      The page shows what it last heard and catches up by itself; it was last connected at{" "}
      <Time iso={status.lastConnected} />.
    </p>
  );
}
