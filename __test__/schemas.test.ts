// Schemas of the application's own events, of the three libraries that people use.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { runInNewContext } from "node:vm";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { type Attached, client, connected, event, MODES, realtime, settled, startAttached } from "./support/nself.js";

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

const LIBRARIES = {
  zod: z.object({ text: z.string().min(1), author: z.object({ age: z.coerce.number() }) }),
  valibot: v.object({
    text: v.pipe(v.string(), v.minLength(1)),
    author: v.object({ age: v.pipe(v.unknown(), v.transform(Number), v.number()) }),
  }),
  arktype: type({ text: "string >= 1", author: { age: "string.numeric.parse" } }),
} satisfies Record<string, StandardSchemaV1>;

const good = { text: "hello", author: { age: "7" } };

/** A server whose `chat:message` has a schema, and what its handler gets. */
async function chat(schema: unknown) {
  running = await startAttached({ schemas: { "chat:message": schema } as never });
  const got: unknown[] = [];
  const any: unknown[] = [];
  running.server.getIO().on("connection", (socket) => {
    socket.onAny((name) => any.push(name));
    socket.on("chat:message", (data, ack) => {
      got.push(data);
      ack?.("heard");
    });
  });
  return { got, any, port: running.port, server: running.server };
}

describe.each(Object.entries(LIBRARIES))("a schema of %s", (_, schema) => {
  test("gives the handler what it makes of an event, in the envelope or without", async () => {
    const { got, port } = await chat(schema);
    const socket = await connected(port);
    expect(await socket.emitWithAck("chat:message", good)).toBe("heard");
    expect(await socket.emitWithAck("chat:message", { type: "chat:message", data: good, timestamp: "t" })).toBe(
      "heard",
    );
    const made = { text: "hello", author: { age: 7 } };
    expect(got).toEqual([made, made]);
  });

  test("keeps a wrong event from every handler; the client hears which event, and where", async () => {
    const { got, any, port } = await chat(schema);
    const socket = await connected(port);
    const wrong = { text: "", author: { age: "7" } };
    const answer = await socket.emitWithAck("chat:message", wrong);
    expect(answer).toMatchObject({ ok: false, code: "ERR_INVALID_EVENT" });
    expect(answer.error).toMatch(/^"chat:message": data\.text: ./);
    const error = event(socket, "error");
    socket.emit("chat:message", { type: "chat:message", data: { text: "x", author: { age: "old" } } });
    const told = await error;
    expect([told.type, told.data.code]).toEqual(["error", "ERR_INVALID_EVENT"]);
    expect(told.data.error).toMatch(/^"chat:message": data\.author\.age: ./);
    expect([got, any]).toEqual([[], []]);
    expect(socket.connected).toBe(true);
  });

  test("checks what is emitted, by every way", async () => {
    const { port, server } = await chat(schema);
    const socket = await connected(port);
    const received: unknown[] = [];
    socket.on("chat:message", (message) => received.push(message));
    const io = server.getIO();
    const sockets = io.sockets.sockets;
    await vi.waitFor(() => expect(sockets.size).toBe(1));
    const bad = { text: "x" };
    for (const emit of [
      () => server.broadcast("chat:message", bad),
      () => server.broadcastToRoom("lobby", "chat:message", bad),
      () => server.emitToSocket(socket.id!, "chat:message", bad),
      () => server.batchEvent("lobby", "chat:message", bad),
      () => io.emit("chat:message", bad),
      () => io.to("lobby").emit("chat:message", bad),
      () => io.emit("chat:message", { type: "chat:message", data: bad }),
      () => [...sockets.values()][0]!.emit("chat:message", bad),
      () => [...sockets.values()][0]!.emit("chat:message", bad, () => {}),
    ]) {
      expect(emit).toThrow(expect.objectContaining({ code: "ERR_INVALID_EVENT" }));
    }
    expect(server.broadcast("chat:message", good)).toBe(true);
    io.emit("chat:message", good);
    await settled(socket);
    // As it was given: the other side has a schema of its own.
    expect(received).toEqual([expect.objectContaining({ data: good }), good]);
  });
});

test.each(Object.entries(MODES))("over %s", async (_, transports) => {
  const { got, port } = await chat(LIBRARIES.zod);
  const socket = await connected(port, { transports });
  expect(await socket.emitWithAck("chat:message", {})).toMatchObject({ ok: false });
  expect(await socket.emitWithAck("chat:message", good)).toBe("heard");
  expect(got).toHaveLength(1);
});

test("an event with a schema has one argument", async () => {
  const { got, port } = await chat(LIBRARIES.zod);
  const socket = await connected(port);
  expect((await socket.emitWithAck("chat:message", good, "more")).error).toBe(
    '"chat:message": it has one argument, not 2',
  );
  expect(await socket.emitWithAck("chat:message")).toMatchObject({ ok: false });
  expect(got).toEqual([]);
});

test("a schema that throws, or answers later, lets nothing through", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const broken = (validate: () => unknown) => ({ "~standard": { version: 1, vendor: "x", validate } });
  const schemas = {
    throws: broken(() => {
      throw new Error("the secret");
    }),
    later: broken(() => Promise.reject(new Error("the secret"))),
    foreign: broken(() => runInNewContext("Promise.resolve({ value: 1 })")),
    nothing: broken(() => undefined),
    silent: broken(() => ({})),
    text: broken(() => "fine"),
  };
  running = await startAttached({ schemas: schemas as never });
  const got: unknown[] = [];
  running.server.getIO().on("connection", (socket) => socket.onAny((name) => got.push(name)));
  const socket = await connected(running.port);
  const errors: unknown[] = [];
  for (const name of Object.keys(schemas)) {
    const answer = await socket.emitWithAck(name, 1);
    errors.push([answer.code, answer.error]);
    expect(() => running!.server.broadcast(name, 1)).toThrow(expect.objectContaining({ code: "ERR_INVALID_EVENT" }));
  }
  expect(errors).toEqual(
    [
      '"throws": its schema failed',
      '"later": its schema is asynchronous',
      '"foreign": its schema is asynchronous',
      '"nothing": its schema failed',
      '"silent": its schema failed',
      '"text": its schema failed',
    ].map((error) => ["ERR_INVALID_EVENT", error]),
  );
  expect([got, log.mock.calls.length]).toEqual([[], 12]);
  log.mockRestore();
});

test("names of events are no properties", async () => {
  const { any, port } = await chat(LIBRARIES.zod);
  const socket = await connected(port);
  for (const name of ["constructor", "__proto__", "toString"]) socket.emit(name, 1);
  await vi.waitFor(() => expect(any).toEqual(["constructor", "__proto__", "toString"]));
});

test("what is no schema, or is of a built-in event, is refused by its name", () => {
  const http = createServer();
  const schema = LIBRARIES.zod;
  for (const [name, value] of [
    ["chat", {}],
    ["chat", null],
    ["chat", { "~standard": { version: 2, validate: () => ({}) } }],
    ["join:room", schema],
    ["logs:stream", schema],
    ["disconnect", schema],
  ] as const) {
    expect(() => realtime.attach(http, { schemas: { [name]: value } as never })).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTION", message: expect.stringContaining(`schemas.${name}`) }),
    );
  }
});

test("with Server: bare data, bare errors, and the types of the schemas", async () => {
  const schemas = { rename: z.object({ to: z.string() }) };
  const http = createServer();
  const io = new realtime.Server<import("../ts/server/index.js").EventsOf<typeof schemas>>(http, { schemas });
  const got: unknown[] = [];
  io.on("connection", (socket) => {
    socket.on("rename", (data, acknowledge) => {
      expectTypeOf(data).toEqualTypeOf<{ to: string }>();
      got.push(data);
      acknowledge?.("done");
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = http.address() as AddressInfo;
    const socket = client(port, { path: "/socket.io" });
    await event(socket, "connect");
    expect(await socket.emitWithAck("rename", { to: "x", more: 1 })).toBe("done");
    expect(got).toEqual([{ to: "x" }]);
    const error = event(socket, "error");
    socket.emit("rename", { type: "rename", data: { to: "x" } });
    expect(await error).toMatchObject({ code: "ERR_INVALID_EVENT", error: expect.stringContaining("data.to") });
    socket.disconnect();
  } finally {
    await io.close();
  }
});
