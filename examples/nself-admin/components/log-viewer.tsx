"use client";
// The log of one service, or of all: the last lines that the server kept, then what its processes write now.

import type { LogStreamEvent } from "nself-realtime/client";
import { useLogStream, useWebSocket } from "nself-realtime/react";
import { useMemo, useState } from "react";
import { logRoom, SERVICES, type ServiceName } from "@/lib/services/catalog";
import type { LogSnapshot } from "@/lib/services/types";
import { useRooms } from "@/lib/use-rooms";
import { useSnapshot } from "@/lib/use-snapshot";
import { LogLines } from "./log-lines";

const LIMIT = 500;

interface Props {
  service: ServiceName | "all";
  initial: LogSnapshot;
}

/** Each line once, oldest first: a line may be in the snapshot and be pushed as well. */
function merge(known: readonly LogStreamEvent[], pushed: readonly LogStreamEvent[]): Array<[string, LogStreamEvent]> {
  const lines = new Map<string, LogStreamEvent>();
  for (const event of [...known, ...pushed]) {
    lines.set(`${event.timestamp} ${event.service} ${event.source} ${event.line}`, event);
  }
  return [...lines].sort(([, a], [, b]) => a.timestamp.localeCompare(b.timestamp)).slice(-LIMIT);
}

export function LogViewer({ service, initial }: Props) {
  const { status } = useWebSocket();
  // "all" is the sum of the services' own rooms: a line is emitted once, to one room.
  const joined = useRooms(service === "all" ? SERVICES.map(({ name }) => logRoom(name)) : [logRoom(service)]);
  const { lines: pushed, error } = useLogStream(service, { limit: LIMIT });
  // Read after the rooms are joined, so that no line falls between the two.
  const connection = joined && status.connected && (status.lastConnected ?? "now");
  const known = useSnapshot(`/api/services/logs?service=${service}`, initial, connection);
  const [filter, setFilter] = useState("");
  const [clearedAt, setClearedAt] = useState("");

  const all = useMemo(() => merge(known, pushed), [known, pushed]);
  const wanted = filter.trim().toLowerCase();
  const shown = all.filter(([, event]) => event.timestamp > clearedAt && event.line.toLowerCase().includes(wanted));

  return (
    <section aria-label="Log">
      <div className="toolbar">
        <label>
          <span className="visually-hidden">Show only lines that contain</span>
          <input
            type="search"
            placeholder="Filter lines"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        </label>
        <span className="count">
          {shown.length} {shown.length === 1 ? "line" : "lines"}
        </span>
        <button type="button" onClick={() => setClearedAt(all.at(-1)?.[1].timestamp ?? "")}>
          Clear
        </button>
      </div>
      {error && (
        <p className="error" role="alert">
          The server did not let this page follow the log: {error.error}
        </p>
      )}
      <LogLines lines={shown} withService={service === "all"} filtered={wanted !== ""} />
    </section>
  );
}
