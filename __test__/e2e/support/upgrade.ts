// A bare WebSocket handshake.

import { get } from "node:http";

/** Resolves with the status that answers a WebSocket handshake: 101 if somebody took it. */
export function upgradeStatus(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = get(url, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "bnNlbGYtcmVhbHRpbWUhIQ==",
      },
      signal: AbortSignal.timeout(120_000),
    });
    request.once("error", reject);
    request.once("response", (response) => {
      response.destroy();
      resolve(response.statusCode);
    });
    request.once("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
  });
}
