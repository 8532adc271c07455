"use client";
// useServiceStatus: the latest status of each service.

import { useCallback, useSyncExternalStore } from "react";
import { EventName, type ServiceStatusEvent } from "../events.js";
import { type Latest, latestByKey } from "./keyed-store.js";

const store = latestByKey(EventName.ServiceStatus, (event) => event.service);

/** What {@link useServiceStatus} returns. */
export interface UseServiceStatus {
  /** By service name. */
  statuses: Latest<ServiceStatusEvent>;
  /** That of the service asked for. */
  status: ServiceStatusEvent | undefined;
  getStatus: (service: string) => ServiceStatusEvent | undefined;
}

/** Follows `service:status` events. */
export function useServiceStatus(service?: string): UseServiceStatus {
  const statuses = useSyncExternalStore(store.subscribe, store.get, store.getInitial);
  const getStatus = useCallback((name: string) => statuses[name], [statuses]);
  return { statuses, status: service === undefined ? undefined : statuses[service], getStatus };
}
