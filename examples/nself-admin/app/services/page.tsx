// Services: start and stop them; every open page sees it.

import type { Metadata } from "next";
import { ServicesBoard } from "@/components/services-board";
import { services } from "@/lib/services/manager";

export const metadata: Metadata = { title: "Services" };
export const dynamic = "force-dynamic";

export default function ServicesPage() {
  return (
    <>
      <h1>Services</h1>
      <p className="lead">
        Each one is a real process of this machine. End one with <code>kill -9</code> and it turns unhealthy in every
        tab.
      </p>
      <ServicesBoard initial={services().snapshot()} />
    </>
  );
}
