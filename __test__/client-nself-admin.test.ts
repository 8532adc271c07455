// The client code that nself-admin ships today, on stock socket.io-client, against this server.

import { afterEach, describe, expect, it, vi } from "vitest";
import { within } from "./support/deadline.js";
import { NselfAdminClient } from "./support/nself-admin-client.js";
import { type RealtimeTestServer, startServer } from "./support/realtime-server.js";
import * as samples from "./support/samples.js";

const EVENTS = {
  "service:status": samples.serviceStatus,
  "build:progress": samples.buildProgress,
  "deploy:progress": samples.deployProgress,
  "logs:stream": samples.log("a line"),
  "docker:stats": samples.dockerStats,
  "db:query:result": samples.dbQueryResult,
};

let server: RealtimeTestServer;
let client: NselfAdminClient;

async function start({ heartbeat }: { heartbeat?: number } = {}): Promise<void> {
  server = await startServer();
  client = new NselfAdminClient(server.url, heartbeat);
  client.connect();
  await vi.waitFor(() => expect(client.socket?.connected).toBe(true));
}

afterEach(async () => {
  client.disconnect();
  await server.close();
});

function event<T>(type: string): Promise<T> {
  return within(type, new Promise<T>((resolve) => client.on<T>(type, resolve)));
}

describe("nself-admin's own client", () => {
  it("gets each of the six events in its envelope, to all and to a room", async () => {
    await start();
    client.joinRoom("project-1");
    await vi.waitFor(() => expect(server.members("project-1")).toHaveLength(1));
    for (const [type, data] of Object.entries(EVENTS)) {
      for (const room of [undefined, "project-1"]) {
        const heard = event(type);
        server.emit(type, data, room);
        expect(await heard).toEqual(data);
        const message = client.messages.at(-1);
        expect(message).toEqual({ type, data, timestamp: expect.any(String), ...(room ? { room } : {}) });
        expect(new Date(message!.timestamp).toISOString()).toBe(message!.timestamp);
      }
    }
  });

  it("joins its log rooms and leaves them, and hears who comes and goes", async () => {
    await start();
    for (const room of ["logs:api", "logs:all", "document-7", "project-x"]) {
      const joined = event("room:joined");
      client.joinRoom(room);
      expect(await joined).toEqual({ socketId: client.socket?.id, userId: null, room });
      client.leaveRoom(room);
      await vi.waitFor(() => expect(server.members(room)).toEqual([]));
    }
    const refused = event<{ error: string }>("error");
    client.joinRoom("no such name");
    expect((await refused).error).toMatch(/room name/);
    expect(client.socket?.connected).toBe(true);
  });

  it("its heartbeat is answered", async () => {
    await start({ heartbeat: 20 });
    let pongs = 0;
    client.on("pong", () => pongs++);
    await vi.waitFor(() => expect(pongs).toBeGreaterThan(2));
  });

  it("comes back by itself a second after the server restarted, on one connection", async () => {
    await start();
    await server.stop();
    await vi.waitFor(() => expect(client.socket?.connected).toBe(false));
    await server.start();
    await vi.waitFor(() => expect(client.socket?.connected).toBe(true));
    client.joinRoom("logs:api");
    const line = event("logs:stream");
    await vi.waitFor(() => expect(server.members("logs:api")).toHaveLength(1));
    server.emit("logs:stream", samples.log("after"), "logs:api");
    expect(await line).toEqual(samples.log("after"));
    expect(server.sockets()).toBe(1);
  });
});
