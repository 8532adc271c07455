"use client";
// Says that what is shown may be old, while a connection that was there is lost, and when it is tried again; goes to the login page if
// the session is over.

import { useWebSocket } from "nself-realtime/react";
import { useEffect, useState } from "react";
import { Time } from "../parts/time";
import { useOnline } from "./connection-badge";

/** Whole seconds until a time, ISO 8601; null without one. */
function useSecondsUntil(iso: string | undefined): number | null {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!iso) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [iso]);
  return iso ? Math.max(0, Math.ceil((Date.parse(iso) - now) / 1000)) : null;
}

export function ConnectionNotice() {
  const { connected, status, retry } = useWebSocket();
  const online = useOnline();
  const seconds = useSecondsUntil(status.nextAttemptAt);
  const { refused } = status;
  useEffect(() => {
    // The session is over: the server does not let its connection in.
    if (refused) location.assign("/login");
  }, [refused]);
  if (connected || !status.lastConnected) return null;
  return (
    <p className="notice" role="status">
      {online ? "The connection is lost. " : "This device is offline. "}
      The page shows what it last heard and catches up by itself; it was last connected at{" "}
      <Time iso={status.lastConnected} />. {seconds === null ? "Trying now…" : `Next try in ${seconds} s.`}{" "}
      <button type="button" aria-disabled={seconds === null} onClick={retry}>
        Try now
      </button>
    </p>
  );
}
