// Dashboard: every service with its figures, and what happened last.

import { Dashboard } from "@/components/services/dashboard";
import { services } from "@/lib/services/manager";
import { requireSession } from "@/lib/session/current";
import { sampler } from "@/lib/stats/sampler";

export default async function DashboardPage() {
  await requireSession();
  return <Dashboard services={services().snapshot()} stats={sampler().snapshot()} />;
}
