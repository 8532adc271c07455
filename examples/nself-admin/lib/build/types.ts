// What the build routes answer.

import type { BuildProgressEvent } from "nself-realtime/client";

/** The steps of a build, in order: each is a program of its own. */
export const STEPS = [
  { step: "check", title: "Check", summary: "Parses every program of the services" },
  { step: "test", title: "Test", summary: "Runs their tests" },
  { step: "package", title: "Package", summary: "Copies and compresses them, with checksums" },
  { step: "verify", title: "Verify", summary: "Reads the package back and compares" },
] as const;

export interface BuildRecord {
  id: string;
  /** ISO 8601. */
  finishedAt: string;
  /** ms. */
  duration: number;
  status: "complete" | "failed";
  message: string;
  startedBy: string;
}

/** Answer of GET /api/nself/build. */
export interface BuildSnapshot {
  /** The events of the running build, or of the last one. */
  events: BuildProgressEvent[];
  /** Newest first. */
  builds: BuildRecord[];
}
