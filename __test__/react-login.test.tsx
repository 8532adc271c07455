// @vitest-environment jsdom
// A page that the server does not let in, until somebody has logged in.

import { renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { beforeEach, expect, it } from "vitest";
import type { RoomMember } from "../ts/client/index.js";
import { useLogStream, usePresence, useRoom, useWebSocket } from "../ts/react/index.js";
import { client, page, server } from "./support/react-page.js";

let loggedIn = false;
page({ authenticate: () => (loggedIn ? { userId: "ann" } : null) });
beforeEach(() => {
  loggedIn = false;
});

it("hooks tell the refusal, and have their rooms and members after the login", async () => {
  const load = async (room: string): Promise<RoomMember[]> => [
    ...server.presence(room),
    { socketId: "b", userId: "bob" },
  ];
  const { result } = renderHook(
    () => ({
      socket: useWebSocket(),
      room: useRoom("project-1"),
      logs: useLogStream("api"),
      presence: usePresence("project-2", { load }),
    }),
    { wrapper: StrictMode },
  );
  const refusal = { code: "ERR_UNAUTHORIZED", error: "unauthorized" };
  await waitFor(() => expect(result.current.room).toEqual({ joined: false, error: refusal }));
  expect(result.current.logs.error).toEqual(refusal);
  expect(result.current.presence.error).toEqual(refusal);
  expect(result.current.socket.status).toMatchObject({ refused: true, code: "ERR_UNAUTHORIZED" });
  loggedIn = true;
  result.current.socket.retry();
  await waitFor(() => expect(result.current.room).toEqual({ joined: true, error: null }));
  await waitFor(() =>
    expect(result.current.presence.members.map(({ userId }) => userId).sort()).toEqual(["ann", "bob"]),
  );
  expect(result.current.logs).toMatchObject({ joined: true, error: null });
  expect(client().getStatus()).not.toHaveProperty("refused");
  expect(server.sockets()).toBe(1);
});

it("a logout ends the connection of a page, and the page knows it", async () => {
  loggedIn = true;
  const { result } = renderHook(() => ({ socket: useWebSocket(), room: useRoom("project-1") }));
  await waitFor(() => expect(result.current.room.joined).toBe(true));
  loggedIn = false;
  server.kick();
  await waitFor(() => expect(result.current.socket.status.refused).toBe(true));
  expect(result.current.socket).toMatchObject({ connected: false, reconnecting: false });
  await waitFor(() =>
    expect(result.current.room).toMatchObject({ joined: false, error: { code: "ERR_UNAUTHORIZED" } }),
  );
  loggedIn = true;
  result.current.socket.retry();
  await waitFor(() => expect(result.current.socket.connected).toBe(true));
  await waitFor(() => expect(server.members("project-1")).toHaveLength(1));
  await waitFor(() => expect(result.current.room).toEqual({ joined: true, error: null }));
});
