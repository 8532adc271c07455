"use client";
// The dashboard: what runs, what it uses, who is here, and what happened last.

import type { ServiceStatusEvent } from "nself-realtime/client";
import { useEvent } from "nself-realtime/react";
import { useState } from "react";
import { bytes, percent } from "@/lib/client/format";
import { merge } from "@/lib/client/merge";
import { useServices } from "@/lib/client/use-services";
import { historyOf, type UseStats, useStats } from "@/lib/client/use-stats";
import { SERVICES, type ServiceName } from "@/lib/services/catalog";
import type { ServicesSnapshot } from "@/lib/services/types";
import type { Sample, StatsSnapshot } from "@/lib/stats/types";
import { PageHead } from "../parts/page-head";
import { Sparkline } from "../parts/sparkline";
import { Activity } from "./activity";
import { AllButtons } from "./all-buttons";
import { PeopleTile } from "./people-tile";
import { ServiceCard } from "./service-card";
import { SpokenStates } from "./spoken-states";

const ACTIVITY_SHOWN = 12;

/** The sum of a figure over everything that runs, sample by sample, counted from the newest one. */
function totals({ histories }: UseStats, figure: (stats: Sample["stats"]) => number): number[] {
  const all = [...histories.values()];
  const longest = Math.max(0, ...all.map((history) => history.length));
  return Array.from({ length: longest }, (_, i) =>
    all.reduce((sum, history) => {
      const sample = history[history.length - longest + i];
      return sum + (sample ? figure(sample.stats) : 0);
    }, 0),
  );
}

function useActivity(known: readonly ServiceStatusEvent[]): ServiceStatusEvent[] {
  const [pushed, setPushed] = useState<ServiceStatusEvent[]>([]);
  useEvent("service:status", (event) => setPushed((events) => [...events, event].slice(-ACTIVITY_SHOWN)));
  return merge(known, pushed, ACTIVITY_SHOWN).reverse();
}

export function Dashboard({ services, stats }: { services: ServicesSnapshot; stats: StatsSnapshot }) {
  const { snapshot, statusOf } = useServices(services);
  const figures = useStats(stats);
  const activity = useActivity(snapshot.activity);
  const stateOf = (name: ServiceName) => statusOf(name)?.status ?? "stopped";
  const states = SERVICES.map(({ name }) => stateOf(name));
  const cpu = totals(figures, (one) => one.cpu);
  const memory = totals(figures, (one) => one.memory);
  return (
    <>
      <PageHead title="Dashboard" lead="What happens in one tab is pushed to all others, as it happens.">
        <AllButtons states={states} />
      </PageHead>
      <div className="tiles">
        <section className="card tile" aria-label="Services running">
          <h2>Services</h2>
          <p className="figure" data-testid="running">
            {states.filter((state) => state === "running").length}
            <small> of {SERVICES.length} running</small>
          </p>
          <div className="segments" aria-hidden="true">
            {SERVICES.map(({ name }) => (
              <i key={name} data-status={stateOf(name)} />
            ))}
          </div>
        </section>
        <section className="card tile" aria-label="CPU">
          <h2>CPU</h2>
          <p className="figure">
            {cpu.length > 0 ? percent(cpu.at(-1) ?? 0) : "–"}
            <small> of {figures.machine.cores} cores</small>
          </p>
          <Sparkline values={cpu} top={20} />
        </section>
        <section className="card tile" aria-label="Memory">
          <h2>Memory</h2>
          <p className="figure">
            {memory.length > 0 ? bytes(memory.at(-1) ?? 0) : "–"}
            <small> of {bytes(figures.machine.memory)}</small>
          </p>
          <Sparkline values={memory} />
        </section>
        <PeopleTile />
      </div>
      <div className="columns">
        <section aria-label="Services">
          <div className="cards">
            {SERVICES.map((service) => (
              <ServiceCard
                key={service.name}
                service={service}
                status={statusOf(service.name)}
                history={historyOf(figures, service.name)}
              />
            ))}
          </div>
        </section>
        <Activity events={activity} />
      </div>
      <SpokenStates stateOf={stateOf} />
    </>
  );
}
