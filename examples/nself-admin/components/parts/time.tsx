"use client";
// A time of day. The server does not know the reader's time zone, so local time is shown once the page is live.

import { useSyncExternalStore } from "react";

const never = () => () => {};
const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export function Time({ iso }: { iso: string }) {
  const live = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  return <time dateTime={iso}>{live ? time.format(new Date(iso)) : iso.slice(11, 19)}</time>;
}
