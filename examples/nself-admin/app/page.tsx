// Overview: how many services run, and what happened last.

import { Overview } from "@/components/overview";
import { services } from "@/lib/services/manager";

export const dynamic = "force-dynamic";

export default function OverviewPage() {
  return (
    <>
      <h1>Overview</h1>
      <p className="lead">Open this page in two tabs: what happens in one is pushed to the other as it happens.</p>
      <Overview initial={services().snapshot()} />
    </>
  );
}
