"use client";
// Who has the admin open now: everybody in the room "admin", which every dashboard joins.

import { presenceFrom } from "nself-realtime/client";
import { usePresence } from "nself-realtime/react";

const load = presenceFrom("/api/realtime");

export function PeopleTile() {
  const { members, count: tabs, error } = usePresence("admin", { load });
  return (
    <section className="card tile" aria-label="People">
      <h2>Here now</h2>
      <p className="figure" data-testid="tabs">
        {tabs}
        <small> {tabs === 1 ? "dashboard open" : "dashboards open"}</small>
      </p>
      {error ? (
        <p className="quiet">{error.error}</p>
      ) : (
        <ul className="people">
          {members.map(({ key, userId, connections }) => (
            <li key={key}>
              {userId ?? "somebody"}
              {connections > 1 && ` × ${connections}`}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
