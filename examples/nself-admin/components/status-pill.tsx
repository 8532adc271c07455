// A service's state as a word with a coloured dot.

import type { ServiceStatusEvent } from "nself-realtime/client";

export function StatusPill({ status }: { status: ServiceStatusEvent["status"] }) {
  return (
    <span className="pill" data-status={status}>
      {status}
    </span>
  );
}
