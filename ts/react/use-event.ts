"use client";
// useEvent: calls a function with each event of one name.

import { useEffect, useInsertionEffect, useRef } from "react";
import { getWebSocketClient, type ServerEvents } from "../client/index.js";

/**
 * Calls `handler` with the data of each event named `type`, at once and once per event, and connects the page's client meanwhile. The
 * handler may be a new function at each render; the one of the latest render is called.
 */
export function useEvent<K extends keyof ServerEvents>(type: K, handler: (data: ServerEvents[K]) => void): void;
export function useEvent<T = unknown>(type: string, handler: (data: T) => void): void;
export function useEvent(type: string, handler: (data: never) => void): void {
  const latest = useRef(handler as (data: unknown) => void);
  // Before every other effect, so that none of them can cause a call of the function of an earlier render.
  useInsertionEffect(() => {
    latest.current = handler as (data: unknown) => void;
  });
  useEffect(() => {
    const client = getWebSocketClient();
    const release = client.retain();
    const off = client.on(type, (data) => latest.current(data));
    return () => {
      off();
      release();
    };
  }, [type]);
}
