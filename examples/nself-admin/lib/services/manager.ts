// The services of this process. Next may load this module more than once (one copy for each route bundle, another after an edit), so
// the one set of processes hangs on globalThis.

import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";
import { SERVICES, type ServiceName } from "./catalog";
import { ServiceProcess } from "./service-process";
import type { LogSnapshot, ServicesSnapshot } from "./types";

/** Status changes kept for pages that are opened later. */
const ACTIVITY_KEPT = 20;

class ServiceManager {
  private readonly services = new Map<ServiceName, ServiceProcess>();
  private readonly activity: ServiceStatusEvent[] = [];

  constructor() {
    for (const { name } of SERVICES) {
      this.services.set(
        name,
        new ServiceProcess(name, (status) => {
          this.activity.unshift(status);
          this.activity.length = Math.min(this.activity.length, ACTIVITY_KEPT);
        }),
      );
    }
    process.once("exit", () => {
      for (const service of this.services.values()) service.kill();
    });
  }

  snapshot(): ServicesSnapshot {
    return { statuses: [...this.services.values()].map((service) => service.status), activity: [...this.activity] };
  }

  get(name: ServiceName): ServiceProcess {
    return this.services.get(name) as ServiceProcess;
  }

  /** The last lines of one service, or of all of them in the order of time. */
  lines(name: ServiceName | "all"): LogSnapshot {
    if (name !== "all") return [...this.get(name).lines];
    const all: LogStreamEvent[] = [...this.services.values()].flatMap((service) => service.lines);
    return all.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  }
}

const KEY = Symbol.for("nself-admin-example.services");
const shared = globalThis as { [KEY]?: ServiceManager };

export function services(): ServiceManager {
  shared[KEY] ??= new ServiceManager();
  return shared[KEY];
}
