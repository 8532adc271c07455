"use client";
// A button's work: one at a time, with the error to show.

import { useState } from "react";

export interface UseAction {
  busy: boolean;
  error: string | null;
  /** Does nothing while the last one runs. `action` resolves with an error to show, or null. */
  run: (action: () => Promise<string | null>) => Promise<void>;
  setError: (error: string | null) => void;
}

export function useAction(): UseAction {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const run = async (action: () => Promise<string | null>) => {
    if (busy) return;
    setBusy(true);
    setError(await action());
    setBusy(false);
  };
  return { busy, error, run, setError };
}
