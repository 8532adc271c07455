"use client";
// One service on the dashboard: its state, what it uses, and its buttons.

import type { ServiceStatusEvent } from "nself-realtime/client";
import { bytes, percent } from "@/lib/client/format";
import { useAction } from "@/lib/client/use-action";
import type { SERVICES } from "@/lib/services/catalog";
import type { Sample } from "@/lib/stats/types";
import { ErrorNote } from "../parts/error-note";
import { Sparkline } from "../parts/sparkline";
import { StatusPill } from "../parts/status-pill";
import { ServiceButtons } from "./service-buttons";

interface Props {
  service: (typeof SERVICES)[number];
  status: ServiceStatusEvent | undefined;
  history: readonly Sample[];
}

export function ServiceCard({ service, status, history }: Props) {
  const action = useAction();
  const state = status?.status ?? "stopped";
  const last = history.at(-1)?.stats;
  return (
    <article className="card service" aria-label={service.title} data-service={service.name}>
      <header>
        <h3>{service.title}</h3>
        <StatusPill status={state} />
      </header>
      <dl className="figures">
        <div>
          <dt>CPU</dt>
          <dd>{last ? percent(last.cpu) : "–"}</dd>
          <Sparkline values={history.map(({ stats }) => stats.cpu)} top={10} />
        </div>
        <div>
          <dt>Memory</dt>
          <dd>{last ? bytes(last.memory) : "–"}</dd>
          <Sparkline values={history.map(({ stats }) => stats.memory)} />
        </div>
      </dl>
      <ServiceButtons service={service} state={state} action={action} />
      <ErrorNote error={action.error} />
    </article>
  );
}
