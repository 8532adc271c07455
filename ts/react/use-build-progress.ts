"use client";
// useBuildProgress: where the build is, and its last steps.

import { useSyncExternalStore } from "react";
import { type BuildProgressEvent, EventName } from "../events.js";
import { createProgressStore, type Progress } from "./progress-store.js";

const store = createProgressStore(EventName.BuildProgress);

/** What {@link useBuildProgress} returns. */
export interface UseBuildProgress extends Progress<BuildProgressEvent> {
  /** Forgets progress and history, in every component that shows them. */
  reset: () => void;
  isBuilding: boolean;
  isComplete: boolean;
  isFailed: boolean;
}

/** Follows `build:progress` events; `history` holds the last 100. */
export function useBuildProgress(): UseBuildProgress {
  const build = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  const status = build.progress?.status;
  return {
    ...build,
    reset: store.clear,
    isBuilding: status === "in-progress",
    isComplete: status === "complete",
    isFailed: status === "failed",
  };
}
