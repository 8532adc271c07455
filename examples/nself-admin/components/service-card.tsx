"use client";
// One service with its state and its buttons.

import Link from "next/link";
import type { ServiceStatusEvent } from "nself-realtime/client";
import { useState } from "react";
import type { SERVICES } from "@/lib/services/catalog";
import type { Answer } from "@/lib/services/types";
import { StatusPill } from "./status-pill";
import { Time } from "./time";

interface Props {
  service: (typeof SERVICES)[number];
  status: ServiceStatusEvent | undefined;
}

async function post(action: string, service: string): Promise<string | null> {
  try {
    const response = await fetch(`/api/services/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ service }),
    });
    const answer = (await response.json()) as Answer<unknown>;
    return answer.success ? null : answer.error;
  } catch {
    return "the server did not answer";
  }
}

export function ServiceCard({ service, status }: Props) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const state = status?.status ?? "stopped";
  const can = {
    start: state === "stopped" || state === "unhealthy",
    stop: state === "running" || state === "starting",
  };

  // Buttons that cannot be used now keep the focus, so they say so by aria-disabled.
  const button = (action: "start" | "stop", text: string) => (
    <button
      type="button"
      className={action === "start" ? "primary" : ""}
      aria-disabled={busy || !can[action]}
      aria-label={`${text} ${service.title}`}
      onClick={async () => {
        if (busy || !can[action]) return;
        setBusy(true);
        setError(await post(action, service.name));
        setBusy(false);
      }}
    >
      {text}
    </button>
  );

  return (
    <article className="card" aria-label={service.title} data-service={service.name}>
      <header>
        <h2>{service.title}</h2>
        <StatusPill status={state} />
      </header>
      <p>{service.summary}</p>
      <dl>
        <div>
          <dt>Process</dt>
          <dd>{status?.containerId ?? "none"}</dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>{status ? <Time iso={status.timestamp} /> : "–"}</dd>
        </div>
      </dl>
      <footer>
        {button("start", "Start")}
        {button("stop", "Stop")}
        <Link href={`/logs?service=${service.name}`}>Logs</Link>
      </footer>
      {error && (
        <p className="error" role="alert">
          {error}
        </p>
      )}
    </article>
  );
}
