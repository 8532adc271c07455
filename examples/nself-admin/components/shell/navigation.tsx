"use client";
// The links to the pages: a column beside the page, or a panel that the menu button opens where there is no room for one.

import Link from "next/link";
import { usePathname } from "next/navigation";
import { useEffect, useRef } from "react";
import { Icon, type IconName } from "../parts/icon";

const PAGES: ReadonlyArray<{ href: string; title: string; icon: IconName }> = [
  { href: "/", title: "Dashboard", icon: "dashboard" },
  { href: "/services", title: "Services", icon: "services" },
  { href: "/logs", title: "Logs", icon: "logs" },
  { href: "/monitor", title: "Monitor", icon: "monitor" },
  { href: "/build", title: "Build", icon: "build" },
  { href: "/deploy", title: "Deploy", icon: "deploy" },
  { href: "/database", title: "Database", icon: "database" },
];

/** The panel's id, for the button that opens it. */
export const NAVIGATION = "navigation";

export function Navigation() {
  const path = usePathname();
  const panel = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the panel
  useEffect(() => {
    if (panel.current?.matches(":popover-open")) panel.current.hidePopover();
  }, [path]);
  return (
    <nav ref={panel} id={NAVIGATION} popover="auto" className="navigation" aria-label="Pages">
      <Link href="/" className="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6 17h5l3-8 5 15 3-7h4" />
        </svg>
        nself <span>admin</span>
      </Link>
      <ul>
        {PAGES.map(({ href, title, icon }) => (
          <li key={href}>
            <Link href={href} aria-current={path === href ? "page" : undefined}>
              <Icon name={icon} />
              {title}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
