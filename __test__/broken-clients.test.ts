// What the server's handlers learn of a client that breaks the rules, on the official server and on ours.
import type { Server, Socket } from "socket.io";
import { describe, expect, test, vi } from "vitest";
import { applications } from "./support/both.js";
import { connected } from "./support/nself.js";
import { PollingSession, request, WebSocketSession } from "./support/raw.js";
import { kinds, oracleOnly } from "./support/servers.js";

const path = "/socket.io";
const started = applications();

/** Notes what happens to each socket. */
const noting = (seen: unknown[]) => (io: Server) => {
  for (const name of ["/", "/other"]) {
    io.of(name).on("connection", (socket: Socket) => {
      socket.on("error", (error) => seen.push([name, "error", error instanceof Error && error.message]));
      const note = (event: string) => (reason: string, description: unknown) =>
        seen.push([name, event, reason, description instanceof Error ? description.message : description]);
      socket.on("disconnecting", note("disconnecting"));
      socket.on("disconnect", note("disconnect"));
    });
  }
};

describe.each(kinds)("%s", (kind) => {
  test.each([
    ["not JSON", '42["unfinished', "invalid payload"],
    ["an event without a name", "42{}", "invalid payload"],
    ["an unknown type", "49", "unknown packet type 9"],
    ["attachments without a count", '45["x"]', "Illegal attachments"],
    [
      "text where an attachment is due",
      '451-["x",{"_placeholder":true,"num":0}]|42["x"]',
      "got plaintext data when reconstructing a packet",
    ],
  ])("what cannot be read (%s) is an error of each socket, before it is disconnected", async (_, packets, message) => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen));
    const session = await WebSocketSession.open(port);
    await session.join();
    await session.join("/other");
    for (const packet of packets.split("|")) session.ws.text(packet);
    await vi.waitFor(() => expect(seen).toHaveLength(6));
    expect(seen).toEqual([
      ["/", "error", message],
      ["/other", "error", message],
      ["/", "disconnecting", "forced close", undefined],
      ["/", "disconnect", "forced close", undefined],
      ["/other", "disconnecting", "forced close", undefined],
      ["/other", "disconnect", "forced close", undefined],
    ]);
  });

  test("the same over polling", async () => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen));
    const session = await PollingSession.open(port);
    await session.join();
    await request(port, "POST", `/socket.io/?EIO=4&transport=polling&sid=${session.sid}`, { body: "42{}" });
    await vi.waitFor(() => expect(seen[0]).toEqual(["/", "error", "invalid payload"]));
  });

  test("a packet that comes at the wrong time is no error, only the end", async () => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen));
    const session = await WebSocketSession.open(port);
    await session.join();
    session.ws.text('42/nowhere,["x"]');
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    expect(seen.at(-1)).toEqual(["/", "disconnect", "forced close", undefined]);
  });

  test("a message that is too large: the reason's description says so", async () => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen), { options: { maxHttpBufferSize: 1000 } });
    const socket = await connected(port, { path, transports: ["websocket"], reconnection: false });
    socket.emit("big", "x".repeat(2000));
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    expect(seen).toEqual([
      ["/", "disconnecting", "transport error", "RangeError: Max payload size exceeded"],
      ["/", "disconnect", "transport error", "RangeError: Max payload size exceeded"],
    ]);
  });

  test.each([
    ["two polls at once", "GET", undefined, "overlap from client"],
    ["a binary body", "POST", { "content-type": "application/octet-stream" }, "invalid content"],
  ])("%s: the description says so", async (_, method, headers, description) => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen));
    const session = await PollingSession.open(port);
    await session.join();
    const pending = await session.startGet();
    const target = `/socket.io/?EIO=4&transport=polling&sid=${session.sid}`;
    const options = headers ? { headers, body: "x" } : {};
    await request(port, method, target, options).catch(() => {});
    await pending.response.catch(() => {});
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["/", "disconnect", "transport error", description]));
  });

  test.each([
    ["a ping", "2", "transport error", "invalid heartbeat direction"],
    ["an unknown packet", "x", "parse error", undefined],
    ["nothing but the end", undefined, "transport close", undefined],
  ])("%s: what the reason is", async (_, packet, reason, description) => {
    const seen: unknown[] = [];
    const { port } = await started(kind, noting(seen));
    const session = await WebSocketSession.open(port);
    await session.join();
    if (packet === undefined) session.ws.connection.destroy();
    else session.ws.text(packet);
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["/", "disconnect", reason, description]));
  });
});

test.skipIf(oracleOnly)("the log says how large a message was, and the limit", async () => {
  const lines: Array<{ message: string; fields: Record<string, unknown> }> = [];
  const options = { maxHttpBufferSize: 1000, logger: (line: (typeof lines)[number]) => lines.push(line) } as object;
  const { port } = await started("ours", noting([]), { options });
  const socket = await connected(port, { path, transports: ["websocket"], reconnection: false });
  socket.emit("big", "x".repeat(2000));
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(lines[0]?.message).toContain("larger than maxHttpBufferSize");
  expect(Number(lines[0]?.fields.size)).toBeGreaterThan(2000);
  expect(Number(lines[0]?.fields.limit)).toBe(1000);
  const session = await PollingSession.open(port);
  const target = `/socket.io/?EIO=4&transport=polling&sid=${session.sid}`;
  expect((await request(port, "POST", target, { body: "4".repeat(3000) })).status).toBe(413);
  await vi.waitFor(() => expect(lines).toHaveLength(2));
  expect(Number(lines[1]?.fields.size)).toBeGreaterThan(1000);
});
