// Logs: what the services' processes write, as they write it. `?service=` chooses one.

import type { Metadata } from "next";
import Link from "next/link";
import { LogViewer } from "@/components/logs/log-viewer";
import { PageHead } from "@/components/parts/page-head";
import { isService, SERVICES } from "@/lib/services/catalog";
import { services } from "@/lib/services/manager";
import { requireSession } from "@/lib/session/current";

export const metadata: Metadata = { title: "Logs" };

export default async function LogsPage({ searchParams }: { searchParams: Promise<{ service?: string | string[] }> }) {
  await requireSession();
  const asked = (await searchParams).service;
  const service = isService(asked) ? asked : "all";
  const choices = [{ name: "all", title: "All services" }, ...SERVICES];
  return (
    <>
      <PageHead title="Logs" lead="What the services' processes write, as they write it." />
      <nav className="tabs" aria-label="Service">
        {choices.map(({ name, title }) => (
          <Link key={name} href={`/logs?service=${name}`} aria-current={name === service ? "true" : undefined}>
            {title}
          </Link>
        ))}
      </nav>
      <LogViewer key={service} service={service} initial={services().lines(service)} />
    </>
  );
}
