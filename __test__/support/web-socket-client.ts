// Clients of the browser's kind for tests, on servers of their own; after each test all of them end.

import { afterEach } from "vitest";
import { type ConnectionStatus, WebSocketClient, type WebSocketClientOptions } from "../../ts/client/index.js";
import { type RealtimeTestServer, startServer } from "./realtime-server.js";

export const cleanups: Array<() => unknown> = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function server(...options: Parameters<typeof startServer>): Promise<RealtimeTestServer> {
  const started = await startServer(...options);
  cleanups.push(() => started.close());
  return started;
}

export function client(url: string, options: WebSocketClientOptions = {}): WebSocketClient {
  const made = new WebSocketClient({ url, reconnectDelays: [20, 40, 80], ...options });
  cleanups.push(() => made.disconnect());
  return made;
}

export function status(of: WebSocketClient, wanted: (status: ConnectionStatus) => boolean): Promise<ConnectionStatus> {
  return new Promise((resolve) => {
    const off = of.onStatusChange((next) => {
      if (!wanted(next)) return;
      queueMicrotask(() => off());
      resolve(next);
    });
  });
}

export const connected = (of: WebSocketClient) => status(of, (next) => next.connected);
export const lost = (of: WebSocketClient) => status(of, (next) => !next.connected);

export function event<T>(of: WebSocketClient, type: string): Promise<T> {
  return new Promise((resolve) => {
    const off = of.on<T>(type, (data) => {
      off();
      resolve(data);
    });
  });
}

export async function open(url: string, options?: WebSocketClientOptions): Promise<WebSocketClient> {
  const made = client(url, options);
  made.connect();
  await connected(made);
  return made;
}

/** Everything emitted before has arrived, since events of one connection keep their order. */
export async function settled(from: RealtimeTestServer, at: WebSocketClient): Promise<void> {
  const arrived = event(at, "settled");
  from.emit("settled", {});
  await arrived;
}
