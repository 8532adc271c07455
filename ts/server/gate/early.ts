// Upgrades that come before register(): Next opens its port, and loads instrumentation.ts meanwhile. It looks at what has
// come, finds nobody, and leaves it without an answer. So `withRealtime` remembers them, and register() takes its own.

import { Server as HttpServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { registry } from "../process/registry.js";
import { claim, type Handlers, matches } from "./intercept.js";

declare module "../process/registry.js" {
  interface Registry {
    /** What came since next.config was read, until the real-time server is opened. */
    early?: { kept: Set<Early>; stop(): void } | undefined;
  }
}

/** An upgrade that Node has reported. */
interface Early {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

/** Remembers upgrades from now on, which go their way. */
export function keepEarly(): void {
  if (registry.early || registry.engines.size > 0) return;
  const kept = new Set<Early>();
  const nothing = () => {};
  const foreign = (socket: Duplex, request: IncomingMessage, head: Buffer) => {
    const one = { request, socket, head };
    kept.add(one);
    socket.once("close", () => kept.delete(one));
  };
  // No URL has a space, so this claims none.
  const stop = claim(HttpServer.prototype, " ", { request: nothing, upgrade: nothing, foreign, passive: true });
  registry.early = { kept, stop };
}

/** Remembers no more. Hands over what came for `path`, if nobody has answered it. */
export function takeEarly(path: string, upgrade: Handlers["upgrade"]): void {
  for (const { request, socket, head } of endEarly()) {
    const { bytesWritten } = socket as { bytesWritten?: number };
    if (bytesWritten === 0 && socket.writable && matches({ path }, request.url, true)) upgrade(request, socket, head);
  }
}

/** Remembers no more. Gives what was remembered. */
export function endEarly(): Early[] {
  const { early } = registry;
  registry.early = undefined;
  early?.stop();
  return [...(early?.kept ?? [])];
}
