// @vitest-environment jsdom
// usePresence: who is in a room, users once each, through loads, reconnects and several tabs.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { renderHook, waitFor } from "@testing-library/react";
import { createRouteHandlers } from "nself-realtime/next";
import { StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { presenceFrom, type RoomMember, WebSocketClient } from "../ts/client/index.js";
import { type UsePresence, useEvent, usePresence, useWebSocket } from "../ts/react/index.js";
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
    expect(result.current).toEqual({ members: [], count: 0, joined: false, error: null });
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

describe("a large room, which is told of its members by room:members", () => {
  const ann = (n: number) => ({ socketId: `ann-${n}`, userId: "ann" });
  const guest = (n: number) => ({ socketId: `guest-${n}`, userId: null });
  const tell = (data: object, room = "project-1") =>
    server.emit("room:members", { room, joined: [], left: [], ...data }, "project-1");

  it("knows how many they are, and who came and went", async () => {
    const { result } = renderHook(() => usePresence("project-1"), { wrapper: StrictMode });
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    expect(result.current.count).toBe(1);
    tell({ count: 8000, joined: [ann(1), ann(2), guest(1), guest(2)], more: true });
    await settled();
    expect(who(result.current)).toEqual(["me 1", "ann 2", "null 1", "null 1"]);
    expect(result.current.count).toBe(8000);
    tell({ count: 7990, left: [ann(1), guest(1)], more: true });
    tell({ count: 5, joined: [ann(9)] }, "project-2");
    await settled();
    expect(who(result.current)).toEqual(["me 1", "ann 1", "null 1"]);
    expect(result.current.count).toBe(7990);
  });

  it("asks anew for everybody when the lists do not hold them, once for many such events", async () => {
    let loads = 0;
    const load = async (): Promise<RoomMember[]> => {
      loads++;
      return loads === 1 ? [] : [ann(1), ann(2), ann(3)];
    };
    const { result } = renderHook(() => usePresence("project-1", { load }));
    await waitFor(() => expect(loads).toBe(1));
    for (let i = 0; i < 10; i++) tell({ count: 3, joined: [ann(1)], more: true });
    await waitFor(() => expect(who(result.current)).toEqual(["ann 3"]));
    expect(loads).toBe(2);
    expect(result.current.count).toBe(3);
    // Without more to tell nothing is loaded.
    tell({ count: 4, joined: [ann(4)] });
    await settled();
    expect(who(result.current)).toEqual(["ann 4"]);
    expect([result.current.count, loads]).toEqual([4, 2]);
  });

  it("that becomes a small one again goes on from there, also when that happened while it was away", async () => {
    const { result } = renderHook(() => usePresence("project-1"));
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    tell({ count: 99, joined: [ann(1)] });
    await settled();
    const bob = await visitor("bob");
    await waitFor(() => expect(result.current.count).toBe(100));
    bob.disconnect();
    await waitFor(() => expect(result.current.count).toBe(99));
    // Told of itself, as in a room that is not large.
    server.kick();
    await waitFor(() => expect(result.current.count).toBeLessThan(5));
  });

  it("is not believed in nonsense", async () => {
    const error = vi.fn();
    renderHook(() => useEvent("error", error));
    const { result } = renderHook(() => usePresence("project-1"));
    await waitFor(() => expect(who(result.current)).toEqual(["me 1"]));
    tell({ count: "many" });
    tell({ count: 2, joined: [{ socketId: 7 }] });
    await settled();
    expect(error).toHaveBeenCalledTimes(2);
    expect(result.current.count).toBe(1);
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
    await visitor("ann");
    const bob = await visitor("bob");
    await bob.joinRoom("elsewhere");
    const { GET } = createRouteHandlers({ authorize: ({ headers }) => !headers.has("x-stranger") });
    const bodies: unknown[] = [];
    const http = createServer(async (request, response) => {
      const headers = request.url?.startsWith("/api/realtime") ? {} : { "x-stranger": "yes" };
      const answer = await GET(new Request(`http://127.0.0.1${request.url}`, { headers }));
      const body = await answer.text();
      bodies.push(JSON.parse(body));
      const type = { "content-type": "application/json", "access-control-allow-origin": "*" };
      response.writeHead(answer.status, type).end(body);
    });
    await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const names = async (url: string, room: string) =>
      (await presenceFrom(`${origin}${url}`)(room)).map(({ userId }) => userId).sort();
    try {
      expect(await names("/api/realtime", "project-1")).toEqual(["ann", "bob"]);
      expect(await names("/api/realtime?of=this", "elsewhere")).toEqual(["bob"]);
      expect(await names("/api/realtime", "nowhere & nothing")).toEqual([]);
      // The room's members, and of what else they are in not a word.
      expect(JSON.stringify(bodies[0])).not.toMatch(/elsewhere/);
      expect(bodies[1]).toMatchObject({ data: { connected: 1, presence: [{ userId: "bob", rooms: ["elsewhere"] }] } });
      await expect(presenceFrom(`${origin}/other`)("project-1")).rejects.toMatchObject({ code: "ERR_PRESENCE" });
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });
});
