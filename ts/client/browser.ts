// What the client asks of the browser, and whether there is one.

import type { Unsubscribe } from "./types.js";

/** False while a page renders on the server. Asked at each use: tests and polyfills make a window later. */
export const isBrowser = (): boolean => typeof window !== "undefined";

/** Calls `wake` when the network is back, and when the page is looked at again: timers were slow meanwhile. */
export function onWake(wake: () => void): Unsubscribe {
  // React Native has a window without events.
  if (typeof window.addEventListener !== "function" || typeof document === "undefined") return () => {};
  const visible = () => {
    if (document.visibilityState === "visible") wake();
  };
  window.addEventListener("online", wake);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", visible);
  };
}
