"use client";
// What a page shows before the first event arrives, and what it may have missed while it was not connected.

import { useCallback, useEffect, useState } from "react";
import type { Answer } from "../api/answer";

export interface UseSnapshot<T> {
  data: T;
  /** Why the last reading failed. */
  error: string | null;
  reload: () => void;
}

/** Starts with `initial`, from the server's render, and reads `url` again each time that `connection` changes to another truthy value. */
export function useSnapshot<T>(url: string, initial: T, connection: string | false): UseSnapshot<T> {
  const [data, setData] = useState(initial);
  const [error, setError] = useState<string | null>(null);
  const [asked, setAsked] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another `asked` reads again
  useEffect(() => {
    if (!connection) return;
    const controller = new AbortController();
    const read = async () => {
      const response = await fetch(url, { signal: controller.signal, cache: "no-store" });
      const answer = (await response.json()) as Answer<T>;
      setError(answer.success ? null : answer.error);
      if (answer.success) setData(answer.data);
    };
    // Without an answer what is shown stays; the next connection reads again.
    read().catch(() => {});
    return () => controller.abort();
  }, [url, connection, asked]);
  return { data, error, reload: useCallback(() => setAsked((n) => n + 1), []) };
}
