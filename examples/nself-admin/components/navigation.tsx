"use client";
// The links to the three pages.

import Link from "next/link";
import { usePathname } from "next/navigation";

const PAGES = [
  { href: "/", title: "Overview" },
  { href: "/services", title: "Services" },
  { href: "/logs", title: "Logs" },
];

export function Navigation() {
  const path = usePathname();
  return (
    <nav className="pages" aria-label="Pages">
      {PAGES.map(({ href, title }) => (
        <Link key={href} href={href} aria-current={path === href ? "page" : undefined}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
