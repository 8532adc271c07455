// serverSideEmit, of one server: there are no others.
import { afterEach, expect, test, vi } from "vitest";
import { warningsOf } from "./support/nself.js";
import { kinds, type RunningServer, startOurs, startServer } from "./support/servers.js";

let running: RunningServer;
afterEach(async () => {
  vi.restoreAllMocks();
  await running.close();
});

test.each(kinds)("%s: it is true, its own listeners hear nothing, and reserved names are refused", async (kind) => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  running = await startServer(kind);
  const heard = vi.fn();
  running.io.on("hello" as never, heard as never);
  expect(running.io.serverSideEmit("hello", 1)).toBe(true);
  expect(running.io.of("/x").serverSideEmit("hello", 1)).toBe(true);
  expect(heard).not.toHaveBeenCalled();
  for (const name of ["connection", "connect", "new_namespace"]) {
    expect(() => running.io.serverSideEmit(name)).toThrow("reserved");
  }
});

// Socket.IO's in-memory adapter never answers.
test("an acknowledgement is an empty list at once", async () => {
  running = await startOurs();
  const { io } = running;
  await warningsOf(() => io.serverSideEmit("once"));
  expect(await io.serverSideEmitWithAck("ask", 1)).toEqual([]);
  expect(await io.of("/x").serverSideEmitWithAck("ask")).toEqual([]);
  const answer = await new Promise((resolve) => io.serverSideEmit("ask", (...args: unknown[]) => resolve(args)));
  expect(answer).toEqual([null, []]);
});
