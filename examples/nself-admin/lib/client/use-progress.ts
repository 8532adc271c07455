"use client";
// A build or a deployment as a page shows it: what the server remembers and what was pushed since, as one run.

import { useMemo } from "react";
import { lastRun, merge } from "./merge";
import type { StepState } from "./steps";

const MOST = 300;

interface ProgressEvent {
  status: StepState;
  timestamp: string;
  progress?: number;
}

export interface UseProgress<E> {
  events: E[];
  /** 0 to 100. */
  progress: number;
  /** "idle" before the first run. */
  status: StepState | "idle";
}

/** `ends` tells the event that ends a run: a step that fails is not yet the end. */
export function useProgress<E extends ProgressEvent>(
  known: readonly E[],
  pushed: readonly E[],
  ends: (event: E) => boolean,
): UseProgress<E> {
  return useMemo(() => {
    const events = lastRun(merge(known, pushed, MOST), ({ status }) => status === "pending");
    const last = events.at(-1);
    const progress = events.findLast((event) => event.progress !== undefined)?.progress ?? 0;
    return { events, progress, status: !last ? "idle" : ends(last) ? last.status : "in-progress" };
  }, [known, pushed, ends]);
}
