// @vitest-environment jsdom
// The hooks over a page's life: many components, remounts, renders that are interrupted, restarts of the server.

import { act, render, renderHook, waitFor } from "@testing-library/react";
import { StrictMode, startTransition, useLayoutEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { expect, it, vi } from "vitest";
import type { BuildProgressEvent } from "../ts/client/index.js";
import {
  useBuildProgress,
  useDbQueryResult,
  useDeployProgress,
  useDockerStats,
  useEvent,
  useInvalidation,
  useLogStream,
  usePresence,
  useServiceStatus,
  useWebSocket,
} from "../ts/react/index.js";
import { client, online, page, server, settled } from "./support/react-page.js";

page();

const timestamp = "2026-01-01T00:00:00Z";
const build = (step: string): BuildProgressEvent => ({ step, progress: 50, status: "in-progress", timestamp });
const line = (text: string) => ({ service: "api", line: text, timestamp });

const heard: unknown[] = [];

function Everything() {
  const { connected } = useWebSocket();
  const { status } = useServiceStatus("api");
  const { progress } = useBuildProgress();
  const deploy = useDeployProgress();
  const { containerStats } = useDockerStats("c1");
  const { lines } = useLogStream("api", { limit: 5 });
  const { result } = useDbQueryResult("q1");
  const { members } = usePresence("project-1");
  useEvent("custom", (data) => heard.push(data));
  useInvalidation(() => {});
  return (
    <li>
      {[connected, status?.status, progress?.step, deploy.progress?.stage, containerStats?.stats.cpu].join(" ")}{" "}
      {lines.map(({ line }) => line).join(" ")} {result?.rowCount} {members.length}
    </li>
  );
}

it("a hundred components with every hook are one socket, one member of each room, and one handler call each", async () => {
  const before = server.connections();
  const { container, unmount } = render(
    <StrictMode>
      {Array.from({ length: 100 }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they never move
        <Everything key={i} />
      ))}
    </StrictMode>,
  );
  await waitFor(() => expect(server.members("logs:api")).toHaveLength(1));
  await waitFor(() => expect(server.members("project-1")).toHaveLength(1));
  heard.length = 0;
  server.emit("service:status", { service: "api", status: "running", timestamp });
  server.emit("build:progress", build("compile"));
  server.emit("deploy:progress", {
    stage: "push",
    environment: "local",
    status: "in-progress",
    logs: [],
    timestamp,
  });
  server.emit("db:query:result", { queryId: "q1", rows: [], rowCount: 7, fields: [], timestamp });
  server.emit("logs:stream", line("a"), "logs:api");
  server.emit("logs:stream", line("b"), "logs:api");
  server.emit("custom", "once");
  await settled();
  await waitFor(() => {
    const texts = new Set([...container.querySelectorAll("li")].map(({ textContent }) => textContent));
    expect([...texts]).toEqual(["true running compile push  a b 7 1"]);
  });
  expect(heard).toHaveLength(100);
  expect(server.connections()).toBe(before + 1);
  unmount();
  await vi.waitFor(() => expect(server.sockets()).toBe(0));
});

it("mounted and unmounted fifty times, it is one socket, and each event comes once", async () => {
  const before = server.connections();
  for (let i = 0; i < 50; i++) {
    const { unmount } = render(<Everything />, { wrapper: StrictMode });
    if (i === 0) await online();
    if (i % 10 === 0) await settled();
    unmount();
  }
  const { result } = renderHook(() => useBuildProgress());
  heard.length = 0;
  server.emit("custom", 1);
  server.emit("build:progress", build("last"));
  await settled();
  expect(heard).toEqual([]);
  expect(result.current.history).toEqual([build("last")]);
  expect(server.connections()).toBe(before + 1);
});

it("a remount within a moment finds what was shown; one after the connection ended finds nothing", async () => {
  const first = renderHook(() => useBuildProgress());
  await online();
  server.emit("build:progress", build("compile"));
  await settled();
  first.unmount();
  const second = renderHook(() => useBuildProgress());
  expect(second.result.current.history).toEqual([build("compile")]);
  second.unmount();
  await vi.waitFor(() => expect(server.sockets()).toBe(0));
  const third = renderHook(() => useBuildProgress());
  expect(third.result.current.history).toEqual([]);
  await online();
});

it("goes on after each of three restarts of the server, with every room and every event once", async () => {
  const { result, unmount } = renderHook(
    () => ({ build: useBuildProgress(), logs: useLogStream("api"), presence: usePresence("project-1") }),
    { wrapper: StrictMode },
  );
  for (let round = 0; round < 3; round++) {
    await waitFor(() => expect(server.members("logs:api")).toHaveLength(1));
    await waitFor(() => expect(result.current.presence.members).toHaveLength(1));
    server.emit("build:progress", build(String(round)));
    server.emit("logs:stream", line(String(round)), "logs:api");
    await settled();
    await act(() => server.stop());
    await server.start();
  }
  await waitFor(() => expect(result.current.presence.members).toHaveLength(1));
  expect(result.current.build.history.map(({ step }) => step)).toEqual(["0", "1", "2"]);
  expect(result.current.logs.lines.map((each) => each.line)).toEqual(["0", "1", "2"]);
  await waitFor(() => expect(server.sockets()).toBe(1));
  // Asking again after each reconnect was no further joining: with its one user each room is left.
  renderHook(() => useWebSocket());
  unmount();
  await waitFor(() => expect(server.members("logs:api")).toEqual([]));
  await waitFor(() => expect(server.members("project-1")).toEqual([]));
  expect(server.sockets()).toBe(1);
});

const container = document.createElement("div");
/** What the readers showed, after each commit. */
const seen = new Set<string>();
let update = (_: number) => {};

function SlowReader({ n }: { n: number }) {
  const { progress } = useBuildProgress();
  // Longer than React's slice of time, so that a transition yields between two readers.
  const until = performance.now() + 3;
  while (performance.now() < until);
  return <i>{`${n}:${progress?.step ?? "none"}`}</i>;
}

function SlowPage() {
  const [n, setN] = useState(0);
  update = setN;
  useLayoutEffect(() => {
    const texts = new Set([...container.querySelectorAll("i")].map(({ textContent }) => textContent));
    for (const text of texts) seen.add(text ?? "");
    if (texts.size > 1) seen.add(`torn: ${[...texts].join(" ")}`);
  });
  const readers = Array.from({ length: 20 }, (_, i) => i);
  return readers.map((i) => <SlowReader key={i} n={n} />);
}

it("a render that is interrupted by events shows one state everywhere", async () => {
  const environment = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  environment.IS_REACT_ACT_ENVIRONMENT = false;
  const root = createRoot(container);
  try {
    root.render(<SlowPage />);
    await vi.waitFor(() => expect(client().isConnected()).toBe(true));
    for (let n = 1; n <= 10; n++) {
      startTransition(() => update(n));
      server.emit("build:progress", build(String(n)));
      await vi.waitFor(() => expect(container.textContent).toContain(`${n}:${n}`), { interval: 1 });
    }
    expect([...seen].filter((text) => text.startsWith("torn"))).toEqual([]);
    expect(seen.size).toBeGreaterThan(10);
  } finally {
    root.unmount();
    environment.IS_REACT_ACT_ENVIRONMENT = true;
  }
});
