// The frame of every page: name, navigation, and whether the page is connected.

import type { Metadata, Viewport } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { ConnectionBadge } from "@/components/connection-badge";
import { Navigation } from "@/components/navigation";
import { OfflineNotice } from "@/components/offline-notice";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "nself admin", template: "%s · nself admin" },
  description: "Services and their logs, pushed as they change.",
};

export const viewport: Viewport = { colorScheme: "light dark" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#content">
          Skip to content
        </a>
        <header className="top">
          <Link href="/" className="name">
            nself<span>admin</span>
          </Link>
          <Navigation />
          <ConnectionBadge />
        </header>
        <main id="content">
          <OfflineNotice />
          {children}
        </main>
      </body>
    </html>
  );
}
