"use client";
// useDeployProgress: where the deployment is, and its last stages.

import { useSyncExternalStore } from "react";
import { type DeployProgressEvent, EventName } from "../events.js";
import { createProgressStore, type Progress } from "./progress-store.js";

const store = createProgressStore(EventName.DeployProgress);

/** What {@link useDeployProgress} returns. */
export interface UseDeployProgress extends Progress<DeployProgressEvent> {
  /** Forgets progress and history, in every component that shows them. */
  reset: () => void;
  isDeploying: boolean;
  isComplete: boolean;
  isFailed: boolean;
}

/** Follows `deploy:progress` events; `history` holds the last 100. */
export function useDeployProgress(): UseDeployProgress {
  const deploy = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  const status = deploy.progress?.status;
  return {
    ...deploy,
    reset: store.clear,
    isDeploying: status === "in-progress",
    isComplete: status === "complete",
    isFailed: status === "failed",
  };
}
