"use client";
// All services in a table, kept up to date by pushed events.

import { bytes, percent } from "@/lib/client/format";
import { useAction } from "@/lib/client/use-action";
import { useServices } from "@/lib/client/use-services";
import { historyOf, type UseStats, useStats } from "@/lib/client/use-stats";
import { SERVICES, type ServiceName } from "@/lib/services/catalog";
import type { ServicesSnapshot } from "@/lib/services/types";
import type { StatsSnapshot } from "@/lib/stats/types";
import { ErrorNote } from "../parts/error-note";
import { PageHead } from "../parts/page-head";
import { StatusPill } from "../parts/status-pill";
import { Time } from "../parts/time";
import { AllButtons } from "./all-buttons";
import { ServiceButtons } from "./service-buttons";
import { SpokenStates } from "./spoken-states";

function Row({ service, status, stats }: { service: (typeof SERVICES)[number]; status: StatusOf; stats: UseStats }) {
  const action = useAction();
  const state = status?.status ?? "stopped";
  const last = historyOf(stats, service.name).at(-1)?.stats;
  return (
    <tr data-service={service.name}>
      <th scope="row">
        {service.title}
        <small>{service.summary}</small>
        <ErrorNote error={action.error} />
      </th>
      <td data-label="Status">
        <StatusPill status={state} />
      </td>
      <td data-label="Process">{status?.containerId ?? "–"}</td>
      <td data-label="CPU">{last ? percent(last.cpu) : "–"}</td>
      <td data-label="Memory">{last ? bytes(last.memory) : "–"}</td>
      <td data-label="Since">{status ? <Time iso={status.timestamp} /> : "–"}</td>
      <td>
        <ServiceButtons service={service} state={state} action={action} />
      </td>
    </tr>
  );
}

type StatusOf = ReturnType<ReturnType<typeof useServices>["statusOf"]>;

export function ServiceTable({ services, stats }: { services: ServicesSnapshot; stats: StatsSnapshot }) {
  const { statusOf } = useServices(services);
  const figures = useStats(stats);
  const stateOf = (name: ServiceName) => statusOf(name)?.status ?? "stopped";
  return (
    <>
      <PageHead
        title="Services"
        lead={
          <>
            Each one is a process of this machine: end one with <code>kill -9</code> and it turns unhealthy in every
            tab.
          </>
        }
      >
        <AllButtons states={SERVICES.map(({ name }) => stateOf(name))} />
      </PageHead>
      <div className="card table-frame">
        <table className="stacking">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Status</th>
              <th scope="col">Process</th>
              <th scope="col">CPU</th>
              <th scope="col">Memory</th>
              <th scope="col">Since</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {SERVICES.map((service) => (
              <Row key={service.name} service={service} status={statusOf(service.name)} stats={figures} />
            ))}
          </tbody>
        </table>
      </div>
      <SpokenStates stateOf={stateOf} />
    </>
  );
}
