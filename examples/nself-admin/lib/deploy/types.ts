// What the deploy routes answer.

import type { DeployProgressEvent } from "nself-realtime/client";

export type Environment = DeployProgressEvent["environment"];

export const ENVIRONMENTS = ["local", "staging", "production"] as const satisfies Environment[];

/** The stages of a deployment, in order. */
export const STAGES = [
  { stage: "verify", title: "Verify", summary: "Compares the build with its checksums" },
  { stage: "copy", title: "Copy", summary: "Copies it into a release of its own" },
  { stage: "try", title: "Try out", summary: "Starts the release's API and asks it for its health" },
  { stage: "switch", title: "Switch", summary: "Points “current” at the release, in one step" },
  { stage: "clean", title: "Clean up", summary: "Removes all but the last three releases" },
] as const;

export interface Release {
  name: string;
  build: string;
  /** ISO 8601. */
  deployedAt: string;
  deployedBy: string;
}

/** Answer of GET /api/deploy. */
export interface DeploySnapshot {
  /** The events of the running deployment, or of the last one. */
  events: DeployProgressEvent[];
  /** What each environment runs. */
  current: Record<Environment, Release | null>;
  /** The build that would be deployed. */
  build: string | null;
}
