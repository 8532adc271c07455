// @vitest-environment jsdom
// useLogStream: lines in their order, gaps where the server dropped some, limits, and renders no faster than frames.

import { act, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it } from "vitest";
import type { GapEvent } from "../ts/client/index.js";
import { type LogEntry, useLogStream } from "../ts/react/index.js";
import { client, page, server, settled } from "./support/react-page.js";

page();

/** Of the hooks, in ms. */
const FRAME = 1000 / 60;
const timestamp = "2026-01-01T00:00:00Z";
const line = (text: string, service = "api") => ({ service, line: text, timestamp });
const gap = (count: number, room?: string): GapEvent => ({
  event: "logs:stream",
  count,
  from: "2026-01-01T00:00:01Z",
  to: "2026-01-01T00:00:02Z",
  ...(room === undefined ? {} : { room }),
});
const texts = (entries: readonly LogEntry[]) =>
  entries.map((entry) => (entry.kind === "line" ? entry.line : `${entry.count} missing`));

async function joined(room: string): Promise<string> {
  await waitFor(() => expect(server.members(room)).toHaveLength(1));
  return server.members(room)[0]!;
}

describe("gaps", () => {
  it("stand in their place among the lines", async () => {
    const { result } = renderHook(() => useLogStream("api"));
    const socket = await joined("logs:api");
    server.emit("logs:stream", line("a"), "logs:api");
    server.emit("logs:stream", line("b"), "logs:api");
    server.emitTo(socket, "gap", gap(17, "logs:api"));
    server.emit("logs:stream", line("c"), "logs:api");
    server.emitTo(socket, "gap", gap(2, "logs:api"));
    await settled();
    const { entries, lines } = result.current;
    expect(texts(entries)).toEqual(["a", "b", "17 missing", "c", "2 missing"]);
    expect(entries[2]).toEqual({
      kind: "gap",
      id: entries[2]!.id,
      count: 17,
      from: "2026-01-01T00:00:01Z",
      to: "2026-01-01T00:00:02Z",
    });
    expect(lines).toMatchObject([line("a"), line("b"), line("c")]);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(5);
  });

  it("only those of this log", async () => {
    const { result } = renderHook(() => ({ api: useLogStream("api"), all: useLogStream("all") }));
    const socket = await joined("logs:api");
    await joined("logs:all");
    server.emitTo(socket, "gap", gap(1, "logs:api"));
    server.emitTo(socket, "gap", gap(2, "logs:db"));
    server.emitTo(socket, "gap", gap(3, "logs:all"));
    server.emitTo(socket, "gap", gap(4));
    server.emitTo(socket, "gap", { ...gap(5), event: "docker:stats" });
    await settled();
    expect(texts(result.current.api.entries)).toEqual(["1 missing", "3 missing", "4 missing"]);
    expect(texts(result.current.all.entries)).toEqual(["1 missing", "2 missing", "3 missing", "4 missing"]);
  });

  it("count as one entry of the limit, and are cleared with the lines", async () => {
    const { result } = renderHook(() => useLogStream("api", { limit: 3 }));
    const socket = await joined("logs:api");
    for (const text of ["a", "b", "c"]) server.emit("logs:stream", line(text), "logs:api");
    server.emitTo(socket, "gap", gap(9, "logs:api"));
    server.emit("logs:stream", line("d"), "logs:api");
    await settled();
    expect(texts(result.current.entries)).toEqual(["c", "9 missing", "d"]);
    act(() => result.current.clear());
    expect(result.current.entries).toEqual([]);
    server.emit("logs:stream", line("e"), "logs:api");
    await settled();
    expect(texts(result.current.entries)).toEqual(["e"]);
  });
});

describe("rendering", () => {
  it("an entry stays the same object, and so does the list between two lines", async () => {
    const { result, rerender } = renderHook(() => useLogStream("api"));
    await joined("logs:api");
    server.emit("logs:stream", line("a"), "logs:api");
    await settled();
    const before = result.current;
    rerender();
    expect(result.current.entries).toBe(before.entries);
    expect(result.current.lines).toBe(before.lines);
    server.emit("logs:stream", line("b"), "logs:api");
    await settled();
    expect(result.current.entries[0]).toBe(before.entries[0]);
  });

  it("two lists of one log render in one pass, once a frame", async () => {
    let renders = 0;
    renderHook(() => {
      renders++;
      return [useLogStream("api"), useLogStream("api", { limit: 10 })];
    });
    await joined("logs:api");
    await settled();
    renders = 0;
    const start = performance.now();
    for (let i = 0; i < 500; i++) server.emit("logs:stream", line(String(i)), "logs:api");
    await settled();
    // The lines may come in several reads of the network.
    expect(renders).toBeGreaterThan(0);
    expect(renders).toBeLessThanOrEqual((performance.now() - start) / FRAME + 2);
  });

  it("goes on where there are no frames, as in a hidden tab", async () => {
    const original = globalThis.requestAnimationFrame;
    globalThis.requestAnimationFrame = () => 0;
    try {
      const { result } = renderHook(() => useLogStream("api"));
      await joined("logs:api");
      server.emit("logs:stream", line("a"), "logs:api");
      await waitFor(() => expect(texts(result.current.entries)).toEqual(["a"]));
    } finally {
      globalThis.requestAnimationFrame = original;
    }
  });
});

describe("a limit that changes", () => {
  it("keeps the lines when it is raised, and the last of them when it is lowered", async () => {
    const { result, rerender } = renderHook(({ limit }) => useLogStream("api", { limit }), {
      initialProps: { limit: 3 },
      wrapper: StrictMode,
    });
    await joined("logs:api");
    const say = async (...lines: string[]) => {
      for (const text of lines) server.emit("logs:stream", line(text), "logs:api");
      await settled();
    };
    await say("a", "b", "c", "d");
    expect(texts(result.current.entries)).toEqual(["b", "c", "d"]);
    const [first] = result.current.entries;
    rerender({ limit: 5 });
    expect(texts(result.current.entries)).toEqual(["b", "c", "d"]);
    expect(result.current.entries[0]).toBe(first);
    await say("e", "f", "g");
    expect(texts(result.current.entries)).toEqual(["c", "d", "e", "f", "g"]);
    rerender({ limit: 2 });
    expect(texts(result.current.entries)).toEqual(["f", "g"]);
    expect(texts(result.current.lines)).toEqual(["f", "g"]);
    await say("h");
    expect(texts(result.current.entries)).toEqual(["g", "h"]);
    // Nonsense is one line.
    rerender({ limit: 0 });
    expect(texts(result.current.entries)).toEqual(["h"]);
  });
});

it("keeps its lines through a restart of the server, and goes on", async () => {
  const { result } = renderHook(() => useLogStream("api"));
  await joined("logs:api");
  server.emit("logs:stream", line("before"), "logs:api");
  await settled();
  await act(() => server.stop());
  await server.start();
  await joined("logs:api");
  server.emit("logs:stream", line("after"), "logs:api");
  await settled();
  expect(texts(result.current.entries)).toEqual(["before", "after"]);
  expect(client().isConnected()).toBe(true);
});

it("tells why it may not follow the log", async () => {
  const { result } = renderHook(() => useLogStream("not a room"));
  await waitFor(() => expect(result.current.error).toMatchObject({ code: "ERR_INVALID_ROOM" }));
  expect(result.current.joined).toBe(false);
});
