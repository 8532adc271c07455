// The page's one client.

import { differences } from "./options.js";
import type { WebSocketClientOptions } from "./types.js";
import { WebSocketClient } from "./web-socket-client.js";

// Kept on the global object, so that two copies of this module in one page still share one socket.
const KEY = Symbol.for("nself-realtime.client");
const globals = globalThis as { [KEY]?: WebSocketClient };

/** Options whose difference was said. */
const said = new Set<string>();

/**
 * The client that the whole page, and every hook, shares. `options` count for the call that comes first, which makes it; what a later
 * call gives otherwise is ignored, with one warning on the console.
 */
export function getWebSocketClient(options: WebSocketClientOptions = {}): WebSocketClient {
  const made = globals[KEY];
  if (!made) {
    globals[KEY] = new WebSocketClient(options);
    return globals[KEY];
  }
  const ignored = differences(made.options, options).filter((name) => !said.has(name));
  if (ignored.length > 0) {
    for (const name of ignored) said.add(name);
    const names = ignored.map((name) => `"${name}"`).join(", ");
    console.warn(
      `nself-realtime: getWebSocketClient() made the page's client before, without these options: ${names}. ${HINT}`,
    );
  }
  return made;
}

const HINT = "They are ignored: give them to the first call, before any hook renders.";
