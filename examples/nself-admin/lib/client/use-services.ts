"use client";
// The status of every service: the server's last word, then what is pushed.

import type { ServiceStatusEvent } from "nself-realtime/client";
import { useServiceStatus } from "nself-realtime/react";
import type { ServiceName } from "../services/catalog";
import type { ServicesSnapshot } from "../services/types";
import { useConnection } from "./use-connection";
import { useSnapshot } from "./use-snapshot";

export interface UseServices {
  snapshot: ServicesSnapshot;
  statusOf: (name: ServiceName) => ServiceStatusEvent | undefined;
}

export function useServices(initial: ServicesSnapshot): UseServices {
  const { getStatus } = useServiceStatus();
  const { data: snapshot } = useSnapshot("/api/services", initial, useConnection());
  const statusOf = (name: ServiceName) => {
    const known = snapshot.statuses.find((event) => event.service === name);
    const pushed = getStatus(name);
    // A snapshot taken after a reconnect may be newer than the last push.
    return pushed && (!known || pushed.timestamp >= known.timestamp) ? pushed : known;
  };
  return { snapshot, statusOf };
}
