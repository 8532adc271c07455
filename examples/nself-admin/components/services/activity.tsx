// The last changes of services, newest first.

import type { ServiceStatusEvent } from "nself-realtime/client";
import { titleOf } from "@/lib/services/catalog";
import { Empty } from "../parts/empty";
import { StatusPill } from "../parts/status-pill";
import { Time } from "../parts/time";

export function Activity({ events }: { events: readonly ServiceStatusEvent[] }) {
  return (
    <section className="card" aria-labelledby="activity">
      <h2 id="activity">Activity</h2>
      {events.length === 0 ? (
        <Empty icon="services">Nothing has happened yet. What starts or stops appears here, in every tab.</Empty>
      ) : (
        <ol className="activity">
          {events.map((event) => (
            <li key={event.timestamp}>
              <Time iso={event.timestamp} />
              <span>{titleOf(event.service)}</span>
              <StatusPill status={event.status} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
