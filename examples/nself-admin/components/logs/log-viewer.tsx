"use client";
// The log of one service, or of all: the last lines that the server kept, then what its processes write now.

import Link from "next/link";
import { useLogStream } from "nself-realtime/react";
import { useMemo, useState } from "react";
import { logEntries } from "@/lib/client/log-entries";
import { useConnection } from "@/lib/client/use-connection";
import { useRooms } from "@/lib/client/use-rooms";
import { useSnapshot } from "@/lib/client/use-snapshot";
import { logRoom, SERVICES, type ServiceName } from "@/lib/services/catalog";
import type { LogSnapshot } from "@/lib/services/types";
import { Empty } from "../parts/empty";
import { ErrorNote } from "../parts/error-note";
import { LogLines } from "./log-lines";
import { LogNote } from "./log-note";

const LIMIT = 500;

interface Props {
  service: ServiceName | "all";
  initial: LogSnapshot;
}

export function LogViewer({ service, initial }: Props) {
  const connection = useConnection();
  // "all" is the sum of the services' own rooms: a line is emitted once, to one room.
  const joined = useRooms(service === "all" ? SERVICES.map(({ name }) => logRoom(name)) : [logRoom(service)]);
  const { entries: pushed, error } = useLogStream(service, { limit: LIMIT });
  // Read after the rooms are joined, so that no line falls between the two.
  const { data: known } = useSnapshot(`/api/logs/stream?service=${service}`, initial, joined && connection);
  const [filter, setFilter] = useState("");
  const [onlyTrouble, setOnlyTrouble] = useState(false);
  const [clearedAt, setClearedAt] = useState("");

  const all = useMemo(() => logEntries(known, pushed, LIMIT), [known, pushed]);
  const wanted = filter.trim().toLowerCase();
  const shown = useMemo(
    () =>
      all.filter((entry) => {
        if (entry.timestamp <= clearedAt) return false;
        if ("gap" in entry) return true;
        const { line, level } = entry.line;
        return (!onlyTrouble || level === "warn" || level === "error") && line.toLowerCase().includes(wanted);
      }),
    [all, clearedAt, onlyTrouble, wanted],
  );

  return (
    <section aria-label="Log">
      <div className="toolbar">
        <label className="grow">
          <span className="visually-hidden">Show only lines that contain</span>
          <input
            type="search"
            placeholder="Filter lines"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        </label>
        <label className="check">
          <input type="checkbox" checked={onlyTrouble} onChange={(event) => setOnlyTrouble(event.target.checked)} />
          Problems only
        </label>
        <span className="count">
          {shown.length} {shown.length === 1 ? "line" : "lines"}
        </span>
        <button type="button" onClick={() => setClearedAt(all.at(-1)?.timestamp ?? "")}>
          Clear
        </button>
      </div>
      <ErrorNote error={error && `The server did not let this page follow the log: ${error.error}`} />
      <LogLines
        entries={shown}
        withService={service === "all"}
        empty={
          <Empty icon="logs">
            {wanted !== "" || onlyTrouble ? (
              "No line is like that."
            ) : (
              <>
                Nothing is written right now. <Link href="/services">Start a service</Link> and its output appears here.
              </>
            )}
          </Empty>
        }
      />
      {service !== "all" && <LogNote service={service} />}
    </section>
  );
}
