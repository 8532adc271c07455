// The page's one client.

import type { WebSocketClientOptions } from "./types.js";
import { WebSocketClient } from "./web-socket-client.js";

// Kept on the global object, so that two copies of this module in one page still share one socket.
const KEY = Symbol.for("nself-realtime.client");
const globals = globalThis as { [KEY]?: WebSocketClient };

/** The client that the whole page, and every hook, shares. `options` count for the call that comes first, which makes it. */
export function getWebSocketClient(options?: WebSocketClientOptions): WebSocketClient {
  globals[KEY] ??= new WebSocketClient(options);
  return globals[KEY];
}
