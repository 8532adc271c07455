"use client";
// The last minutes of figures of every container and process, by name.

import { useDockerStats } from "nself-realtime/react";
import { useEffect, useState } from "react";
import type { Sample, StatsSnapshot } from "../stats/types";
import { merge } from "./merge";
import { useConnection } from "./use-connection";
import { useSnapshot } from "./use-snapshot";

const KEPT = 60;
/** ms after which a container that is silent is gone. */
const SILENCE = 7000;

export interface UseStats {
  /** By container id, oldest sample first; only what still runs. */
  histories: ReadonlyMap<string, readonly Sample[]>;
  machine: StatsSnapshot["machine"];
  docker: boolean;
}

/** Adds each container's latest sample to its history; a sample that is there already changes nothing. */
function append(histories: ReadonlyMap<string, readonly Sample[]>, samples: readonly Sample[]) {
  const next = new Map(histories);
  for (const sample of samples) {
    const known = next.get(sample.containerId) ?? [];
    if (known.at(-1)?.timestamp !== sample.timestamp) next.set(sample.containerId, merge(known, [sample], KEPT));
  }
  const newest = Math.max(...[...next.values()].map((history) => Date.parse(history.at(-1)?.timestamp ?? "")));
  for (const [id, history] of next) {
    if (Date.parse(history.at(-1)?.timestamp ?? "") < newest - SILENCE) next.delete(id);
  }
  return next;
}

export function useStats(initial: StatsSnapshot): UseStats {
  const { data } = useSnapshot("/api/docker/stats", initial, useConnection());
  const { stats } = useDockerStats();
  const [histories, setHistories] = useState(() => append(new Map(), initial.samples));
  useEffect(() => setHistories((known) => append(known, data.samples)), [data]);
  useEffect(() => setHistories((known) => append(known, Object.values(stats))), [stats]);
  return { histories, machine: data.machine, docker: data.docker };
}

/** The history of one service's process, or of the admin's own. */
export function historyOf({ histories }: UseStats, name: string): readonly Sample[] {
  return [...histories.values()].find((history) => history.at(-1)?.containerName === name) ?? [];
}
