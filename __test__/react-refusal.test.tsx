// @vitest-environment jsdom
// useRoom on a server whose own handler decides who may join, as one of the application may: stock socket.io.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cleanup, renderHook, waitFor } from "@testing-library/react";
import { Server } from "socket.io";
import { expect, it } from "vitest";
import { getWebSocketClient } from "../ts/client/index.js";
import { useRoom } from "../ts/react/index.js";

it("tells that a room was refused after a reconnect, and that it was not the time after", async () => {
  const http = createServer();
  const io = new Server(http, { path: "/api/ws" });
  let allowed = true;
  const refusal = { ok: false, code: "ERR_FORBIDDEN", error: "not any more" };
  let asked = 0;
  io.on("connection", (socket) => {
    socket.on("join:room", (_, ack: (answer: unknown) => void) => {
      asked++;
      ack(allowed ? { ok: true } : refusal);
    });
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const client = getWebSocketClient({ url, reconnectDelays: [20], linger: 0 });
  try {
    const { result } = renderHook(() => useRoom("project-1"));
    await waitFor(() => expect(result.current).toEqual({ joined: true, error: null }));
    allowed = false;
    io.disconnectSockets(true);
    await waitFor(() =>
      expect(result.current).toEqual({ joined: false, error: { code: refusal.code, error: refusal.error } }),
    );
    allowed = true;
    io.disconnectSockets(true);
    await waitFor(() => expect(result.current).toEqual({ joined: true, error: null }));
    expect(asked).toBe(3);
  } finally {
    cleanup();
    client.disconnect();
    http.closeAllConnections();
    await io.close();
  }
});
