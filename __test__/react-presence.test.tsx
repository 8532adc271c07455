// @vitest-environment jsdom
// usePresence: who is in a room, users once each, through loads, reconnects and several tabs.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, describe, expect, it } from "vitest";
import { presenceFrom, type RoomMember, WebSocketClient } from "../ts/client/index.js";
import { type UsePresence, usePresence, useWebSocket } from "../ts/react/index.js";
import { Members } from "../ts/react/members.js";
import { client, page, server, settled } from "./support/react-page.js";

page({ authenticate: ({ auth }) => ({ userId: String((auth as { user?: unknown }).user) }) }, { auth: { user: "me" } });

const others: WebSocketClient[] = [];
afterEach(() => {
  for (const other of others.splice(0)) other.disconnect();
});

async function visitor(user: string, room = "project-1"): Promise<WebSocketClient> {
  const other = new WebSocketClient({ url: server.url, auth: { user } });
  others.push(other);
  other.connect();
  expect(await other.joinRoom(room)).toEqual({ ok: true });
  return other;
}

const who = ({ members }: UsePresence) => members.map(({ userId, connections }) => `${userId} ${connections}`);
const list = async (room: string): Promise<RoomMember[]> => server.presence(room);

describe("usePresence", () => {
  it("follows who comes and goes, each user once", async () => {
    const { result } = renderHook(() => usePresence("project-1"), { wrapper: StrictMode });
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    expect(result.current).toMatchObject({ joined: true, error: null });
    const [tab, otherTab] = [await visitor("ann"), await visitor("ann")];
    await visitor("bob");
    await waitFor(() => expect(who(result.current)).toEqual(["me 1", "ann 2", "bob 1"]));
    tab.disconnect();
    await waitFor(() => expect(who(result.current)).toEqual(["me 1", "ann 1", "bob 1"]));
    await otherTab.leaveRoom("project-1");
    await waitFor(() => expect(who(result.current)).toEqual(["me 1", "bob 1"]));
  });

  it("loads who was there before, and shares what it knows with components that come later", async () => {
    await visitor("ann");
    const first = renderHook(() => usePresence("project-1", { load: list }));
    await waitFor(() => expect(who(first.result.current).sort()).toEqual(["ann 1", "me 1"]));
    const second = renderHook(() => usePresence("project-1"));
    expect(second.result.current.members).toBe(first.result.current.members);
    const third = renderHook(() => usePresence("project-2"));
    await waitFor(() => expect(who(third.result.current)).toEqual(["me 1"]));
  });

  it("what happens while the list is on its way counts", async () => {
    const ann = await visitor("ann");
    let answer = (_: RoomMember[]) => {};
    let asked = false;
    const load = async () => {
      const before = await list("project-1");
      asked = true;
      return new Promise<RoomMember[]>((resolve) => {
        answer = () => resolve(before);
      });
    };
    const { result } = renderHook(() => usePresence("project-1", { load }));
    await waitFor(() => expect(asked).toBe(true));
    ann.disconnect();
    await visitor("bob");
    await waitFor(() => expect(who(result.current)).toContain("bob 1"));
    answer([]);
    await settled();
    await waitFor(() => expect(who(result.current).sort()).toEqual(["bob 1", "me 1"]));
  });

  it("loads again after the server restarted", async () => {
    const ann = await visitor("ann");
    const { result, unmount } = renderHook(() => usePresence("project-1", { load: list }));
    await waitFor(() => expect(who(result.current).sort()).toEqual(["ann 1", "me 1"]));
    await server.stop();
    ann.disconnect();
    await server.start();
    await waitFor(() => expect(server.members("project-1")).toHaveLength(1));
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    // Loading joined nothing that is not left again.
    renderHook(() => useWebSocket());
    unmount();
    await waitFor(() => expect(server.members("project-1")).toEqual([]));
    expect(server.sockets()).toBe(1);
  });

  it("tells that the list could not be loaded, and goes on with what it hears", async () => {
    const load = () => Promise.reject(new Error("no route"));
    const { result } = renderHook(() => usePresence("project-1", { load }));
    await waitFor(() => expect(result.current.error).toEqual({ code: "ERR_PRESENCE", error: "no route" }));
    await visitor("bob");
    await waitFor(() => expect(who(result.current)).toEqual(["me 1", "bob 1"]));
  });

  it("changes rooms, and has none with null", async () => {
    const { result, rerender } = renderHook(({ room }) => usePresence(room), {
      initialProps: { room: "project-1" as string | null },
    });
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    rerender({ room: null });
    expect(result.current).toEqual({ members: [], joined: false, error: null });
    rerender({ room: "not a room" });
    await waitFor(() => expect(result.current.error).toMatchObject({ code: "ERR_INVALID_ROOM" }));
    await waitFor(() => expect(server.members("project-1")).toEqual([]));
  });

  it("a user whose socket was replaced without a word is gone when the new one goes", async () => {
    const { result } = renderHook(() => usePresence("project-1"));
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    const tell = (type: string, socketId: string) =>
      server.emit(type, { socketId, userId: "ann", room: "project-1" }, "project-1");
    tell("room:joined", "first");
    tell("room:left", "replaced the first");
    await settled();
    expect(who(result.current)).toEqual(["me 1"]);
    expect(client().isConnected()).toBe(true);
  });
});

describe("Members", () => {
  it("sockets that belong to nobody known are somebody each, and forgotten at a reconnect", () => {
    const members = new Members();
    for (const socketId of ["a", "b"]) members.joined({ socketId, userId: null });
    members.joined({ socketId: "c", userId: "ann" });
    expect(members.read().map(({ key }) => key)).toEqual(["socket:a", "socket:b", "user:ann"]);
    members.left({ socketId: "a", userId: null });
    members.left({ socketId: "unknown", userId: null });
    expect(members.read().map(({ key }) => key)).toEqual(["socket:b", "user:ann"]);
    members.forgetAnonymous();
    expect(members.read()).toEqual([{ key: "user:ann", userId: "ann", connections: 1 }]);
  });
});

describe("presenceFrom", () => {
  it("reads the members of a room, and rejects on a refusal", async () => {
    const presence = [
      { userId: "ann", socketId: "a", rooms: ["project-1", "x"], connectedAt: "t", lastSeen: "t" },
      { userId: null, socketId: "b", rooms: ["x"], connectedAt: "t", lastSeen: "t" },
    ];
    const http = createServer((request, response) => {
      const ok = request.url === "/api/realtime";
      response.writeHead(ok ? 200 : 401, { "content-type": "application/json", "access-control-allow-origin": "*" });
      response.end(JSON.stringify(ok ? { success: true, data: { connected: 2, presence } } : { success: false }));
    });
    await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    try {
      expect(await presenceFrom(`${origin}/api/realtime`)("project-1")).toEqual([{ socketId: "a", userId: "ann" }]);
      await expect(presenceFrom(`${origin}/other`)("project-1")).rejects.toMatchObject({ code: "ERR_PRESENCE" });
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });
});
