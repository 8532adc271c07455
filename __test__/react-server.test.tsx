// Where pages render: plain Node, without a window. The client and every hook must do nothing there, and keep nothing.

import { renderToString } from "react-dom/server";
import { afterEach, expect, it, vi } from "vitest";
import { getWebSocketClient, WebSocketClient } from "../ts/client/index.js";
import {
  useBuildProgress,
  useDbQueryResult,
  useDeployProgress,
  useDockerStats,
  useEvent,
  useInvalidation,
  useLogStream,
  usePresence,
  useRoom,
  useServiceStatus,
  useWebSocket,
} from "../ts/react/index.js";
import { startServer } from "./support/realtime-server.js";

function Everything() {
  useEvent("custom", () => {});
  useInvalidation(() => {});
  const state = {
    socket: useWebSocket().status,
    services: useServiceStatus().statuses,
    build: useBuildProgress().history,
    deploy: useDeployProgress().history,
    stats: useDockerStats().stats,
    log: useLogStream("api").entries,
    query: useDbQueryResult("q1").isPending,
    members: usePresence("project-1", { load: () => Promise.reject(new Error("asked on the server")) }).members,
    room: useRoom("project-2").joined,
  };
  return <p>{JSON.stringify(state)}</p>;
}

afterEach(() => vi.restoreAllMocks());

it("renders every hook with nothing in it, starts no timer and says nothing", () => {
  const timers = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "setInterval")];
  const complaint = vi.spyOn(console, "error");
  const html = renderToString(<Everything />).replaceAll("&quot;", '"');
  expect(html).toBe(
    '<p>{"socket":{"connected":false,"reconnecting":false,"reconnectAttempts":0},"services":{},"build":[],"deploy":[],' +
      '"stats":{},"log":[],"query":true,"members":[],"room":false}</p>',
  );
  for (const timer of timers) expect(timer).not.toHaveBeenCalled();
  expect(complaint).not.toHaveBeenCalled();
});

it("the client is made and used without a connection, a timer or a room that is remembered", async () => {
  const server = await startServer();
  const timer = vi.spyOn(globalThis, "setTimeout");
  const client = new WebSocketClient({ url: server.url });
  client.connect();
  client.retain()();
  client.on("service:status", () => {});
  expect(await client.joinRoom("project-1")).toMatchObject({ ok: false, code: "ERR_OFFLINE" });
  expect(await client.leaveRoom("project-1")).toEqual({ ok: true });
  expect(() => client.emit("echo", 1)).toThrow(expect.objectContaining({ code: "ERR_OFFLINE" }));
  await expect(client.emitWithAck("echo", 1)).rejects.toMatchObject({ code: "ERR_OFFLINE" });
  client.disconnect();
  expect(client.getStatus()).toEqual({ connected: false, reconnecting: false, reconnectAttempts: 0 });
  expect(getWebSocketClient()).toBe(getWebSocketClient());
  expect(timer).not.toHaveBeenCalled();
  await server.close();
  expect(server.connections()).toBe(0);
});
