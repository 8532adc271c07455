"use client";
// useServiceStatus: the latest status of each service.

import { EventName, type ServiceStatusEvent } from "../events.js";
import { type Latest, latestByKey } from "./keyed-store.js";
import { useLatest } from "./use-latest.js";

const store = latestByKey(EventName.ServiceStatus, (event) => event.service);

/** What {@link useServiceStatus} returns. */
export interface UseServiceStatus {
  /** By service name. */
  readonly statuses: Latest<ServiceStatusEvent>;
  /** That of the service asked for. */
  readonly status: ServiceStatusEvent | undefined;
  readonly getStatus: (service: string) => ServiceStatusEvent | undefined;
}

/**
 * Follows `service:status` events. A component that names a service and looks at nothing but `status` renders for the events of that
 * service alone; one that reads `statuses` or calls `getStatus` renders for all.
 */
export function useServiceStatus(service?: string): UseServiceStatus {
  const { one, all, get } = useLatest(store, service);
  return {
    get statuses() {
      return all();
    },
    status: one,
    getStatus: get,
  };
}
