"use client";
// What a page shows before the first event arrives, and what it may have missed while it was not connected.

import { useEffect, useState } from "react";
import type { Answer } from "./services/types";

/** Starts with `initial`, from the server's render, and reads `url` again each time that `connection` changes to another truthy value. */
export function useSnapshot<T>(url: string, initial: T, connection: string | false): T {
  const [snapshot, setSnapshot] = useState(initial);
  useEffect(() => {
    if (!connection) return;
    const controller = new AbortController();
    const read = async () => {
      const response = await fetch(url, { signal: controller.signal, cache: "no-store" });
      const answer = (await response.json()) as Answer<T>;
      if (answer.success) setSnapshot(answer.data);
    };
    // A failure leaves what is shown; the next connection reads again.
    read().catch(() => {});
    return () => controller.abort();
  }, [url, connection]);
  return snapshot;
}
