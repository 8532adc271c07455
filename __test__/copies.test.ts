// One package, imported in one place and required in another: two copies of its code, whose objects know each other.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import type * as Package from "nself-realtime";
import { expect, it } from "vitest";

const imported: typeof Package = await import("nself-realtime");
const required = createRequire(import.meta.url)("nself-realtime") as typeof Package;

type Constructor = new (...args: never[]) => object;

const CLASSES = ["RealtimeError", "Server", "Namespace", "Socket", "BroadcastOperator", "WebSocketServer"] as const;

it("are two copies", () => {
  for (const name of CLASSES) expect(required[name]).not.toBe(imported[name]);
});

it("each knows the other's errors, servers and what hangs on them", () => {
  for (const [one, other] of [
    [imported, required],
    [required, imported],
  ] as const) {
    const error = new one.RealtimeError("ERR_LISTEN", "the port is taken");
    const io = new one.Server(createServer());
    const objects = [error, io, io.sockets, undefined, io.to("r"), one.getWebSocketServer()];
    for (const [index, name] of CLASSES.entries()) {
      const object = objects[index];
      if (!object) continue;
      for (const copy of [one, other]) {
        for (const [otherIndex, otherName] of CLASSES.entries()) {
          expect(object instanceof (copy[otherName] as Constructor), `${name} is a ${otherName}`).toBe(
            index === otherIndex,
          );
        }
      }
    }
    expect(error).toBeInstanceOf(Error);
    void io.close();
  }
});

it("tells subclasses apart, and knows what is nothing of its own", () => {
  class Mine extends imported.RealtimeError {}
  class Yours extends required.RealtimeError {}
  const mine = new Mine("ERR_LISTEN", "");
  expect(mine).toBeInstanceOf(required.RealtimeError);
  expect(mine).toBeInstanceOf(Mine);
  expect(mine).not.toBeInstanceOf(Yours);
  expect(new required.RealtimeError("ERR_LISTEN", "")).not.toBeInstanceOf(Mine);
  for (const nothing of [undefined, null, 1, "", {}, new Error("ERR_LISTEN")]) {
    expect(nothing instanceof (imported.RealtimeError as unknown as Constructor)).toBe(false);
  }
});

it("holds for the client's error as well", async () => {
  const one = (await import("nself-realtime/client")).RealtimeClientError;
  const other = (createRequire(import.meta.url)("nself-realtime/client") as typeof import("nself-realtime/client"))
    .RealtimeClientError;
  expect(other).not.toBe(one);
  expect(new one("ERR_OFFLINE", "")).toBeInstanceOf(other);
  expect(new other("ERR_OFFLINE", "")).toBeInstanceOf(one);
  expect(new Error("ERR_OFFLINE")).not.toBeInstanceOf(one);
  class Mine extends one {}
  expect(new Mine("ERR_OFFLINE", "")).toBeInstanceOf(Mine);
  expect(new other("ERR_OFFLINE", "")).not.toBeInstanceOf(Mine);
});
