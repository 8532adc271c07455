// Build: checks, tests and packages the services.

import type { Metadata } from "next";
import { BuildPage } from "@/components/build/build-page";
import { builder } from "@/lib/build/builder";
import { requireSession } from "@/lib/session/current";

export const metadata: Metadata = { title: "Build" };

export default async function Page() {
  await requireSession();
  return <BuildPage initial={builder().snapshot()} />;
}
