// The frame of every page behind the login: navigation, who is here, and whether the page is connected.

import type { ReactNode } from "react";
import { Icon } from "@/components/parts/icon";
import { ConnectionBadge } from "@/components/shell/connection-badge";
import { ConnectionNotice } from "@/components/shell/connection-notice";
import { Logout } from "@/components/shell/logout";
import { NAVIGATION, Navigation } from "@/components/shell/navigation";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { requireSession } from "@/lib/session/current";

export default async function AdminLayout({ children }: { children: ReactNode }) {
  const { userId } = await requireSession();
  return (
    <div className="frame">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <Navigation />
      <header className="bar">
        <button type="button" className="plain menu" popoverTarget={NAVIGATION} aria-label="Menu">
          <Icon name="menu" />
        </button>
        <ConnectionBadge />
        <ThemeToggle />
        <Logout user={userId} />
      </header>
      <main id="content" tabIndex={-1}>
        <ConnectionNotice />
        {children}
      </main>
    </div>
  );
}
