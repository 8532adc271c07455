// io.engine, socket.request and socket.conn where no request comes by Node: on a port of the native server's.
import type { IncomingMessage } from "node:http";
import session from "express-session";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Socket } from "../ts/server/index.js";
import { closeClients, connected, MODES, realtime } from "./support/nself.js";
import { request, upgrade, webSocketTarget } from "./support/raw.js";

const seen: Array<Record<string, unknown>> = [];
const happened: unknown[] = [];
const errors: unknown[] = [];
let port: number;

beforeAll(async () => {
  const server = await realtime.listen({ port: 0, host: "127.0.0.1", transports: ["polling", "websocket"] });
  port = server.port as number;
  const io = server.getIO();
  io.engine.on(
    "connection_error",
    ({ req, code, context }: { req: IncomingMessage; code: number; context: unknown }) => {
      errors.push([req.method, req.headers["x-test"], code, context]);
    },
  );
  const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: true });
  io.use((socket, next) => {
    sessions(socket.request as never, {} as never, (error) => next(error as Error | undefined));
  });
  io.on("connection", (socket: Socket) => {
    const { method, url, httpVersion, headers, rawHeaders, socket: from } = socket.request;
    const { session: visit } = socket.request as unknown as { session: object };
    const isSession = typeof visit === "object";
    seen.push({ method, url, httpVersion, agent: headers["user-agent"], raw: rawHeaders.includes("test"), isSession });
    happened.push([socket.conn.transport.name, socket.conn.remoteAddress === from.remoteAddress]);
    socket.conn.once("upgrade", () => happened.push(["upgrade", socket.conn.transport.name]));
    socket.conn.once("close", (reason: string) => happened.push(["close", reason]));
  });
});
afterAll(async () => {
  closeClients();
  await realtime.getWebSocketServer().shutdown();
});

test.each(Object.entries(MODES))("socket.request and socket.conn: %s", async (name, transports) => {
  seen.length = 0;
  happened.length = 0;
  const client = await connected(port, { transports, extraHeaders: { "user-agent": "test" } });
  await vi.waitFor(() => expect(seen).toHaveLength(1));
  expect(seen[0]).toEqual({
    method: "GET",
    url: expect.stringContaining("/api/ws/?"),
    httpVersion: "1.1",
    agent: "test",
    raw: true,
    isSession: true,
  });
  const first = name === "websocket" ? "websocket" : "polling";
  const upgrades = name === "polling upgraded" ? [["upgrade", "websocket"]] : [];
  await vi.waitFor(() => expect(happened).toEqual([[first, true], ...upgrades]));
  client.disconnect();
  await vi.waitFor(() => expect(happened.at(-1)).toEqual(["close", "transport close"]));
});

test("connection_error", async () => {
  const headers = { "x-test": "yes" };
  const bad = "/api/ws/?EIO=4&transport=polling&sid=nobody";
  expect((await request(port, "GET", bad, { headers })).status).toBe(400);
  expect((await upgrade(port, webSocketTarget({ path: "/api/ws/", sid: "nobody" }), { headers })).response.status).toBe(
    400,
  );
  await request(port, "POST", "/api/ws/?EIO=4&transport=polling", { headers, body: "" });
  await upgrade(port, "/api/ws/?EIO=4&transport=owl", { headers });
  await vi.waitFor(() => expect(errors).toHaveLength(4));
  expect(errors).toEqual([
    ["GET", "yes", 1, { sid: "nobody" }],
    ["GET", "yes", 1, { sid: "nobody" }],
    ["POST", "yes", 2, { method: "POST" }],
    ["GET", "yes", 0, { transport: "owl" }],
  ]);
});

test("what needs Node's requests is refused by its name, with what to do", () => {
  const { engine } = realtime.getWebSocketServer().getIO();
  const needs = /is not supported: there is no Node request on a port of its own; use attach/;
  expect(() => engine.use((_: unknown, __: unknown, next: () => void) => next())).toThrow(needs);
  expect(() => engine.on("headers", () => {})).toThrow(needs);
  expect(() => engine.once("initial_headers", () => {})).toThrow(needs);
});
