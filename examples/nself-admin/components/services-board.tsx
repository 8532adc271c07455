"use client";
// All services, kept up to date by pushed events.

import { SERVICES } from "@/lib/services/catalog";
import type { ServicesSnapshot } from "@/lib/services/types";
import { useServices } from "@/lib/use-services";
import { ServiceCard } from "./service-card";

export function ServicesBoard({ initial }: { initial: ServicesSnapshot }) {
  const { statusOf } = useServices(initial);
  const spoken = SERVICES.map(({ name, title }) => `${title} is ${statusOf(name)?.status ?? "stopped"}`).join(", ");
  return (
    <>
      <div className="cards">
        {SERVICES.map((service) => (
          <ServiceCard key={service.name} service={service} status={statusOf(service.name)} />
        ))}
      </div>
      <p className="visually-hidden" aria-live="polite">
        {spoken}
      </p>
    </>
  );
}
