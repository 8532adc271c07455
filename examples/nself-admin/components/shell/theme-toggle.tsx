"use client";
// Goes round system, light and dark.

import { useSyncExternalStore } from "react";
import { Icon, type IconName } from "../parts/icon";
import { getTheme, setTheme, subscribe, THEMES, type Theme } from "./theme";

const ICONS: Record<Theme, IconName> = { system: "auto", light: "sun", dark: "moon" };

export function ThemeToggle() {
  const theme = useSyncExternalStore(subscribe, getTheme, () => "system" as const);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
  return (
    <button
      type="button"
      className="plain"
      aria-label={`Colours: ${theme}. Change to ${next}`}
      title={`Colours: ${theme}`}
      onClick={() => setTheme(next)}
    >
      <Icon name={ICONS[theme]} />
    </button>
  );
}
