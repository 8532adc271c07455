// Database: a console for the PostgreSQL service.

import type { Metadata } from "next";
import { DatabaseConsole } from "@/components/database/console";
import { services } from "@/lib/services/manager";
import { requireSession } from "@/lib/session/current";

export const metadata: Metadata = { title: "Database" };

export default async function DatabasePage() {
  const { userId } = await requireSession();
  return <DatabaseConsole userId={userId} services={services().snapshot()} />;
}
