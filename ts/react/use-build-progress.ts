"use client";
// useBuildProgress: where the build is, and its last steps.

import { useSyncExternalStore } from "react";
import { type BuildProgressEvent, EventName } from "../events.js";
import { createStore } from "./store.js";

/** Most events kept in `history`. */
const HISTORY_LIMIT = 100;

interface Build {
  readonly progress: BuildProgressEvent | null;
  readonly history: readonly BuildProgressEvent[];
}

const EMPTY: Build = Object.freeze({ progress: null, history: Object.freeze([]) });

const store = createStore(EMPTY, (client, { get, set }) =>
  client.on(EventName.BuildProgress, (progress) => {
    set({ progress, history: [...get().history, progress].slice(-HISTORY_LIMIT) });
  }),
);

const reset = () => store.set(EMPTY);

/** What {@link useBuildProgress} returns. */
export interface UseBuildProgress extends Build {
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
    reset,
    isBuilding: status === "in-progress",
    isComplete: status === "complete",
    isFailed: status === "failed",
  };
}
