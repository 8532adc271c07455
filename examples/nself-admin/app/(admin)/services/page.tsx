// Services: start and stop them; every open page sees it.

import type { Metadata } from "next";
import { ServiceTable } from "@/components/services/service-table";
import { services } from "@/lib/services/manager";
import { requireSession } from "@/lib/session/current";
import { sampler } from "@/lib/stats/sampler";

export const metadata: Metadata = { title: "Services" };

export default async function ServicesPage() {
  await requireSession();
  return <ServiceTable services={services().snapshot()} stats={sampler().snapshot()} />;
}
