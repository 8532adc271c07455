// Monitor: CPU, memory, network and disk of what runs.

import type { Metadata } from "next";
import { Monitor } from "@/components/monitor/monitor";
import { requireSession } from "@/lib/session/current";
import { sampler } from "@/lib/stats/sampler";

export const metadata: Metadata = { title: "Monitor" };

export default async function MonitorPage() {
  await requireSession();
  return <Monitor initial={sampler().snapshot()} />;
}
