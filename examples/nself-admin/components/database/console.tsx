"use client";
// The database console: SQL goes up by a request, the result comes back by the user's room.

import { useDbQueryResult, useInvalidation, useRoom } from "nself-realtime/react";
import { useState } from "react";
import { callApi } from "@/lib/client/call-api";
import { act } from "@/lib/client/service-actions";
import { useAction } from "@/lib/client/use-action";
import { useConnection } from "@/lib/client/use-connection";
import { useServices } from "@/lib/client/use-services";
import { useSnapshot } from "@/lib/client/use-snapshot";
import { databaseRoom } from "@/lib/database/room";
import type { Table } from "@/lib/database/types";
import type { ServicesSnapshot } from "@/lib/services/types";
import { ErrorNote } from "../parts/error-note";
import { Icon } from "../parts/icon";
import { PageHead } from "../parts/page-head";
import { StatusPill } from "../parts/status-pill";
import { Result } from "./result";
import { Tables } from "./tables";

const FIRST = `-- What each country has ordered
select c.country, count(*) as orders, sum(o.quantity * p.price) as revenue
from orders o
join customers c on c.id = o.customer_id
join products p on p.id = o.product_id
group by c.country
order by revenue desc;`;

const NO_TABLES: Table[] = [];

interface Props {
  userId: string;
  services: ServicesSnapshot;
}

export function DatabaseConsole({ userId, services }: Props) {
  const connection = useConnection();
  const { statusOf } = useServices(services);
  const state = statusOf("postgres")?.status ?? "stopped";
  const running = state === "running";
  const tables = useSnapshot("/api/database/tables", NO_TABLES, running && "running");
  // When anybody's query may have made a table, or dropped one; and after each connect.
  useInvalidation({ tables: tables.reload });
  const { joined, error: refused } = useRoom(databaseRoom(userId));
  const [sql, setSql] = useState(FIRST);
  const [queryId, setQueryId] = useState<string | null>(null);
  const { result, isPending } = useDbQueryResult(queryId);
  const { busy, error, run } = useAction();
  const can = running && joined && connection !== false && !busy && !isPending && sql.trim() !== "";

  const ask = () => {
    if (!can) return;
    const id = crypto.randomUUID();
    setQueryId(id);
    void run(async () => {
      const failed = await callApi("/api/database/query", { queryId: id, sql });
      if (failed) setQueryId(null);
      return failed;
    });
  };

  return (
    <>
      <PageHead title="Database" lead="A real PostgreSQL, embedded. Results come to your own consoles only.">
        <StatusPill status={state} />
        {!running && (
          <button
            type="button"
            className="primary"
            aria-disabled={state === "starting" || busy}
            onClick={() => run(() => act("start", "postgres"))}
          >
            <Icon name="play" />
            {state === "starting" ? "Starting…" : "Start PostgreSQL"}
          </button>
        )}
      </PageHead>
      <ErrorNote error={error ?? refused?.error} />
      <div className="columns database">
        <div className="stack">
          <section className="card editor" aria-label="Query">
            <label htmlFor="sql">SQL</label>
            <textarea
              id="sql"
              value={sql}
              spellCheck={false}
              autoCapitalize="off"
              rows={8}
              maxLength={20_000}
              aria-describedby="sql-keys"
              onChange={(event) => setSql(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                  event.preventDefault();
                  ask();
                }
              }}
            />
            <div className="actions">
              <small id="sql-keys">Ctrl + Enter runs it; the limit is 10 seconds.</small>
              <button type="button" className="primary" aria-disabled={!can} onClick={ask}>
                <Icon name="play" />
                Run
              </button>
            </div>
          </section>
          <Result result={result} isPending={isPending} />
        </div>
        <Tables tables={tables.data} error={running ? null : "stopped"} onChoose={setSql} />
      </div>
    </>
  );
}
