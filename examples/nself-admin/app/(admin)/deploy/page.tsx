// Deploy: the last build becomes a release.

import type { Metadata } from "next";
import { DeployPage } from "@/components/deploy/deploy-page";
import { deployer } from "@/lib/deploy/deployer";
import { requireSession } from "@/lib/session/current";

export const metadata: Metadata = { title: "Deploy" };

export default async function Page() {
  await requireSession();
  return <DeployPage initial={await deployer().snapshot()} />;
}
