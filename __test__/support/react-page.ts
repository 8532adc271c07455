// A page for tests of hooks: the page's client, connected to a real server of this file's own. Every test ends without a socket.

import { act, cleanup, waitFor } from "@testing-library/react";
import type { RealtimeOptions } from "nself-realtime";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";
import { getWebSocketClient, type WebSocketClientOptions } from "../../ts/client/index.js";
import { inNextFrame } from "../../ts/react/frame.js";
import { type RealtimeTestServer, startServer } from "./realtime-server.js";

export let server: RealtimeTestServer;

/** To be called once in a test file: before its tests the server starts, and after each test the page is empty again. */
export function page(options: RealtimeOptions = {}, clientOptions: WebSocketClientOptions = {}): void {
  beforeAll(async () => {
    server = await startServer(options);
    getWebSocketClient({ url: server.url, reconnectDelays: [20], linger: 300, ...clientOptions });
  });

  // The delayed disconnect after the last unmount is part of every test: a socket that stays fails the test that leaked it.
  afterEach(async () => {
    cleanup();
    await vi.waitFor(() => expect(server.sockets()).toBe(0));
  });

  afterAll(() => server.close());
}

/** The page's client. */
export const client = () => getWebSocketClient();

export async function online(): Promise<void> {
  await waitFor(() => expect(client().isConnected()).toBe(true));
}

/** Everything emitted before has arrived, since events of one connection keep their order, and was rendered. */
export async function settled(): Promise<void> {
  await act(async () => {
    const arrived = new Promise<void>((resolve) => {
      const off = client().on("settled", () => {
        off();
        resolve();
      });
    });
    server.emit("settled", {});
    await arrived;
    await new Promise<void>((rendered) => inNextFrame(rendered));
  });
}
