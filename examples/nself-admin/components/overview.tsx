"use client";
// How many services run, and what happened last.

import Link from "next/link";
import type { ServiceStatusEvent } from "nself-realtime/client";
import { useWebSocket } from "nself-realtime/react";
import { useEffect, useState } from "react";
import { SERVICES } from "@/lib/services/catalog";
import type { ServicesSnapshot } from "@/lib/services/types";
import { useServices } from "@/lib/use-services";
import { StatusPill } from "./status-pill";
import { Time } from "./time";

const SHOWN = 10;
const keyOf = (event: ServiceStatusEvent) => `${event.timestamp} ${event.service} ${event.status}`;
const titleOf = (name: string) => SERVICES.find((service) => service.name === name)?.title ?? name;

/** What the server remembers and what was pushed since, newest first, each change once. */
function useActivity(known: ServiceStatusEvent[]): ServiceStatusEvent[] {
  const { on } = useWebSocket();
  const [pushed, setPushed] = useState<ServiceStatusEvent[]>([]);
  useEffect(() => on("service:status", (event) => setPushed((events) => [event, ...events].slice(0, SHOWN))), [on]);
  const changes = new Map([...pushed, ...known].map((event) => [keyOf(event), event]));
  return [...changes.values()].sort((a, b) => b.timestamp.localeCompare(a.timestamp)).slice(0, SHOWN);
}

export function Overview({ initial }: { initial: ServicesSnapshot }) {
  const { snapshot, statusOf } = useServices(initial);
  const activity = useActivity(snapshot.activity);
  const count = (...states: string[]) =>
    SERVICES.filter(({ name }) => states.includes(statusOf(name)?.status ?? "stopped")).length;
  return (
    <>
      <dl className="tiles">
        <div>
          <dt>Running</dt>
          <dd>
            {count("running")} <small>of {SERVICES.length}</small>
          </dd>
        </div>
        <div>
          <dt>Changing</dt>
          <dd>{count("starting", "stopping")}</dd>
        </div>
        <div>
          <dt>Unhealthy</dt>
          <dd>{count("unhealthy")}</dd>
        </div>
      </dl>
      <section aria-labelledby="activity">
        <h2 id="activity">Activity</h2>
        {activity.length === 0 ? (
          <p className="empty">
            Nothing has happened yet. <Link href="/services">Start a service</Link> and it appears here, and in every
            other tab.
          </p>
        ) : (
          <ol className="activity">
            {activity.map((event) => (
              <li key={keyOf(event)}>
                <Time iso={event.timestamp} />
                <span>{titleOf(event.service)}</span>
                <StatusPill status={event.status} />
              </li>
            ))}
          </ol>
        )}
      </section>
    </>
  );
}
