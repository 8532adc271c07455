// The services of this process.

import type { LogStreamEvent, ServiceStatusEvent } from "nself-realtime/client";
import { processWide } from "../process-wide";
import { SERVICES, type ServiceName } from "./catalog";
import { ServiceProcess } from "./service-process";
import type { LogSnapshot, ServicesSnapshot } from "./types";

/** Status changes kept for pages that are opened later. */
const ACTIVITY_KEPT = 20;
/** Lines of all services together that one answer holds. */
const LINES_ANSWERED = 500;

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

  /** The services whose process runs, with its id. */
  processes(): Array<{ name: ServiceName; pid: number }> {
    return [...this.services].flatMap(([name, { pid }]) => (pid === undefined ? [] : [{ name, pid }]));
  }

  /** The last lines of one service, or of all of them in the order of time. */
  lines(name: ServiceName | "all"): LogSnapshot {
    if (name !== "all") return [...this.get(name).lines];
    const all: LogStreamEvent[] = [...this.services.values()].flatMap((service) => service.lines);
    return all.sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1)).slice(-LINES_ANSWERED);
  }
}

export function services(): ServiceManager {
  return processWide("services", () => new ServiceManager());
}
