// @vitest-environment jsdom
// useDeployProgress, useDbQueryResult and useEvent.

import { act, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it } from "vitest";
import type { DbQueryResultEvent, DeployProgressEvent } from "../ts/client/index.js";
import { useDbQueryResult, useDeployProgress, useEvent } from "../ts/react/index.js";
import { RESULT_LIMIT } from "../ts/react/use-db-query-result.js";
import { online, page, server, settled } from "./support/react-page.js";

page();

const timestamp = "2026-01-01T00:00:00Z";
const deploy = (stage: string, status: DeployProgressEvent["status"]): DeployProgressEvent => ({
  stage,
  environment: "staging",
  status,
  logs: [],
  timestamp,
});
const answer = (queryId: string, error?: string): DbQueryResultEvent => ({
  queryId,
  rows: [{ n: 1 }],
  rowCount: 1,
  fields: [{ name: "n", dataTypeID: 23 }],
  timestamp,
  ...(error === undefined ? {} : { error }),
});

describe("useDeployProgress", () => {
  it("tells the state of the deployment, keeps the last 100 stages, and resets", async () => {
    const { result } = renderHook(() => useDeployProgress());
    await online();
    const state = () => [result.current.isDeploying, result.current.isComplete, result.current.isFailed];
    expect(state()).toEqual([false, false, false]);
    for (const [status, flags] of [
      ["in-progress", [true, false, false]],
      ["failed", [false, false, true]],
      ["complete", [false, true, false]],
    ] as const) {
      server.emit("deploy:progress", deploy("push", status));
      await settled();
      expect(state()).toEqual(flags);
    }
    for (let i = 0; i < 120; i++) server.emit("deploy:progress", deploy(String(i), "in-progress"));
    await settled();
    // One stage a frame.
    await waitFor(() => expect(result.current.progress?.stage).toBe("119"), { timeout: 5000 });
    expect(result.current.history.map(({ stage }) => stage)).toEqual(
      Array.from({ length: 100 }, (_, i) => String(i + 20)),
    );
    act(() => result.current.reset());
    expect([result.current.progress, result.current.history]).toEqual([null, []]);
  });
});

describe("useDbQueryResult", () => {
  it("gives the answer of its query, and its error", async () => {
    const { result, rerender } = renderHook(({ id }) => useDbQueryResult(id), {
      initialProps: { id: "q1" as string | null },
    });
    await online();
    expect(result.current).toEqual({ result: undefined, isPending: true, error: undefined });
    server.emit("db:query:result", answer("other"));
    server.emit("db:query:result", answer("q1"));
    server.emit("db:query:result", answer("q2", "no such table"));
    await settled();
    expect(result.current).toEqual({ result: answer("q1"), isPending: false, error: undefined });
    rerender({ id: "q2" });
    expect(result.current).toMatchObject({ isPending: false, error: "no such table" });
    rerender({ id: null });
    expect(result.current).toEqual({ result: undefined, isPending: false, error: undefined });
  });

  it("an answer that comes before its query's id is known is not missed, and old ones are forgotten", async () => {
    const { result, rerender } = renderHook(({ id }) => useDbQueryResult(id), {
      initialProps: { id: null as string | null },
    });
    await online();
    for (let i = 0; i <= RESULT_LIMIT; i++) server.emit("db:query:result", answer(`early ${i}`));
    await settled();
    rerender({ id: "early 1" });
    expect(result.current.result).toEqual(answer("early 1"));
    rerender({ id: "early 0" });
    expect(result.current.isPending).toBe(true);
  });
});

describe("useEvent", () => {
  it("calls the handler of the latest render, once an event, and none after the unmount", async () => {
    const heard: string[] = [];
    const { rerender, unmount } = renderHook(
      ({ name }) => useEvent<{ n: number }>("custom", ({ n }) => heard.push(`${name} ${n}`)),
      { initialProps: { name: "first" }, wrapper: StrictMode },
    );
    renderHook(() => useEvent("unrelated", () => {}));
    await online();
    server.emit("custom", { n: 1 });
    await settled();
    rerender({ name: "second" });
    server.emit("custom", { n: 2 });
    await settled();
    unmount();
    server.emit("custom", { n: 3 });
    await settled();
    expect(heard).toEqual(["first 1", "second 2"]);
  });

  it("follows a change of the event's name, and hands over every event at once", async () => {
    const heard: string[] = [];
    const { rerender } = renderHook(({ type }) => useEvent(type, (data) => heard.push(`${type} ${data}`)), {
      initialProps: { type: "one" },
    });
    await online();
    for (let i = 0; i < 3; i++) server.emit("one", i);
    await settled();
    rerender({ type: "two" });
    server.emit("one", 3);
    server.emit("two", 4);
    await settled();
    expect(heard).toEqual(["one 0", "one 1", "one 2", "two 4"]);
  });
});
