// What the client asks of the browser, and whether there is one.

import type { Unsubscribe } from "./types.js";

/** False while a page renders on the server. Asked at each use: tests and polyfills make a window later. */
export const isBrowser = (): boolean => typeof window !== "undefined";

/** Nobody can see the page: its timers are slow. React Native has no document. */
export const isHidden = (): boolean => typeof document !== "undefined" && document.visibilityState === "hidden";

/**
 * Calls `woken` when the network is back and when the page can be seen again: what was tried before says nothing any more. Calls `used`
 * when somebody clicks or comes to the window.
 */
export function onAttention(woken: () => void, used: () => void): Unsubscribe {
  // React Native has a window without events.
  if (typeof window.addEventListener !== "function" || typeof document === "undefined") return () => {};
  const visible = () => {
    if (!isHidden()) woken();
  };
  const listeners: Array<[EventTarget, string, () => void]> = [
    [window, "online", woken],
    [window, "pageshow", woken],
    [document, "visibilitychange", visible],
    [window, "focus", used],
    [window, "click", used],
  ];
  // While events are on their way down: a component that stops them stops nothing here.
  for (const [target, type, listener] of listeners) target.addEventListener(type, listener, true);
  return () => {
    for (const [target, type, listener] of listeners) target.removeEventListener(type, listener, true);
  };
}
