// What handlers of an application may use and do wrong, beside the official server: a handler that works there must not end the process
// here, and what ends it there ends it here.
import { afterEach, describe, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";
import { client, closeClients, connected, event } from "./support/nself.js";
import { kinds, oracleOnly, startServer } from "./support/servers.js";

vi.setConfig({ testTimeout: 20_000 });
afterEach(() => {
  closeClients();
  endChildren();
});

const path = "/socket.io";
const PACKAGES = { oracle: "socket.io", ours: "nself-realtime" };

describe.each(kinds)("%s", (kind) => {
  test.each([["websocket"], ["polling"]])("socket.request has the head of the handshake over %s", async (transport) => {
    const seen: unknown[] = [];
    const running = await startServer(kind, {}, (io) =>
      io.on("connection", ({ request, handshake }) => {
        const { method, url, headers, socket, connection } = request;
        seen.push([
          method,
          url,
          headers["user-agent"],
          headers.cookie,
          socket.remoteAddress === connection.remoteAddress,
        ]);
        seen.push([socket.remoteAddress === handshake.address, url === handshake.url]);
      }),
    );
    const extraHeaders = { "user-agent": "test", cookie: "a=1; b=2" };
    await connected(running.port, { path, transports: [transport], extraHeaders });
    const url = expect.stringMatching(new RegExp(`^/socket\\.io/\\?.*transport=${transport}`));
    await vi.waitFor(() => {
      expect(seen).toEqual([
        ["GET", url, "test", "a=1; b=2", true],
        [true, true],
      ]);
    });
    await running.close();
  });

  test("a middleware's value stays at socket.request, and next() refuses with an error's message and data", async () => {
    const seen: unknown[] = [];
    const running = await startServer(kind, {}, (io) => {
      io.use((socket, next) => {
        Object.assign(socket.request, { session: { user: "ann" } });
        next(socket.handshake.auth.bad ? Object.assign(new Error("no"), { data: 1 }) : undefined);
      });
      io.on("connection", ({ request }) => seen.push((request as unknown as { session: unknown }).session));
    });
    const refused = await event(client(running.port, { path, auth: { bad: true } }), "connect_error");
    expect([refused.message, refused.data]).toEqual(["no", 1]);
    await connected(running.port, { path });
    await vi.waitFor(() => expect(seen).toEqual([{ user: "ann" }]));
    await running.close();
  });

  const own = ["connection", "event", "middleware"].flatMap((where) =>
    ["its own mistake", "its own mistake, asynchronously"].map((way): [string, string] => [where, way]),
  );
  test.each(own)("the process ends of a handler's (%s) own mistake: %s", async (where, way) => {
    const program = start("handlers.mjs", [PACKAGES[kind]]);
    const { port } = (await program.messages.next("its port", 10_000)) as { port: number };
    const socket = client(port, { path, auth: { where, way } });
    if (where === "event") socket.once("connect", () => socket.emit("fail"));
    expect(await program.ended()).toMatchObject({ code: 1 });
    expect(program.errors()).toMatch(/TypeError: [^\n]*\n(?: {4}at .*\n)* {4}at .*handlers\.mjs:\d+/);
  });
});

describe.skipIf(oracleOnly)("what socket.io has and this package has not", () => {
  const ways = ["what is not there", "what is not there, asynchronously"];
  test.each(
    ["connection", "event", "middleware"].flatMap((where) => ways.map((way): [string, string] => [where, way])),
  )("in a handler (%s) stops that handler alone, and the log has its stack: %s", async (where, way) => {
    const program = start("handlers.mjs", [PACKAGES.ours]);
    const { port } = (await program.messages.next("its port", 10_000)) as { port: number };
    if (where === "middleware") {
      const error = await event(client(port, { path, auth: { where, way } }), "connect_error");
      expect(error.message).toBe("middleware failed");
    } else {
      const socket = await connected(port, { path, auth: { where, way } });
      if (where === "event") socket.emit("fail");
      expect(await socket.emitWithAck("echo")).toBe("here");
    }
    // Everybody else is served as before.
    expect(await (await connected(port, { path })).emitWithAck("echo")).toBe("here");
    expect(program.errors()).toMatch(
      /socket\.conn\.transport\.socket is not supported.*\n(?: {4}at .*\n)* {4}at .*handlers\.mjs:\d+/,
    );
    program.process.kill("SIGTERM");
    expect(await program.ended()).toEqual({ code: null, signal: "SIGTERM" });
  });
});

test.skipIf(oracleOnly)(
  "next() with a text refuses with it, where socket.io's client would be told nothing",
  async () => {
    const running = await startServer("ours", {}, (io) => io.use((_, next) => next("not today" as unknown as Error)));
    expect((await event(client(running.port, { path }), "connect_error")).message).toBe("not today");
    await running.close();
  },
);
