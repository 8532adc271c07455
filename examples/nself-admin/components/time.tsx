"use client";
// A time of day. The server does not know the reader's time zone, so local time is shown once the page is live.

import { useSyncExternalStore } from "react";

const never = () => () => {};

export function Time({ iso }: { iso: string }) {
  const live = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  const text = live ? new Date(iso).toLocaleTimeString(undefined, { hour12: false }) : iso.slice(11, 19);
  return <time dateTime={iso}>{text}</time>;
}
