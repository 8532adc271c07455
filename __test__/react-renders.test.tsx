// @vitest-environment jsdom
// How often components render, and what they see: one service's event is one component's, and no step of a build is left out.

import { act, render, renderHook, waitFor } from "@testing-library/react";
import { Profiler, StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  useBuildProgress,
  useDbQueryResult,
  useDeployProgress,
  useDockerStats,
  useServiceStatus,
} from "../ts/react/index.js";
import { HISTORY_LIMIT } from "../ts/react/progress-store.js";
import { client, online, page, server, settled } from "./support/react-page.js";

page();

const timestamp = "2026-01-01T00:00:00Z";
const service = (name: string, status = "running") => ({ service: name, status, timestamp });
const container = (id: string, cpu: number) => ({
  containerId: id,
  containerName: id,
  stats: {
    cpu,
    memory: 1,
    memoryLimit: 2,
    memoryPercent: 50,
    network: { rx: 0, tx: 0 },
    blockIO: { read: 0, write: 0 },
  },
  timestamp,
});

/** Renders of each component, by its name. */
const renders = new Map<string, number>();
beforeEach(() => renders.clear());
const count = (name: string) => renders.set(name, (renders.get(name) ?? 0) + 1);

function ServiceCard({ name }: { name: string }) {
  const { status } = useServiceStatus(name);
  count(name);
  return <li>{`${name} ${status?.status ?? "unknown"}`}</li>;
}

function ContainerCard({ id }: { id: string }) {
  const { containerStats } = useDockerStats(id);
  count(id);
  return <li>{`${id} ${containerStats?.stats.cpu ?? "unknown"}`}</li>;
}

function QueryCard({ id }: { id: string }) {
  const { result } = useDbQueryResult(id);
  count(id);
  return <li>{`${id} ${result?.rowCount ?? "unknown"}`}</li>;
}

function Overview() {
  const { status, statuses } = useServiceStatus("api");
  return <p>{`${status?.status}: ${Object.keys(statuses).sort().join(" ")}`}</p>;
}

const FIFTY = Array.from({ length: 50 }, (_, i) => `s${i}`);

describe("fifty components, one event for one of them", () => {
  it.each([
    [
      "useServiceStatus",
      (name: string) => <ServiceCard key={name} name={name} />,
      () => server.emit("service:status", service("s7")),
      "s7 running",
    ],
    [
      "useDockerStats",
      (id: string) => <ContainerCard key={id} id={id} />,
      () => server.emit("docker:stats", container("s7", 5)),
      "s7 5",
    ],
    [
      "useDbQueryResult",
      (id: string) => <QueryCard key={id} id={id} />,
      () => server.emit("db:query:result", { queryId: "s7", rows: [], rowCount: 3, fields: [], timestamp }),
      "s7 3",
    ],
  ])("is one render: %s", async (_, card, emit, shown) => {
    let commits = 0;
    const { getByText } = render(
      <Profiler id="page" onRender={() => commits++}>
        {FIFTY.map(card)}
      </Profiler>,
    );
    await online();
    await settled();
    renders.clear();
    commits = 0;
    emit();
    await settled();
    getByText(shown);
    expect([...renders]).toEqual([["s7", 1]]);
    expect(commits).toBe(1);
    // The same again is an event, but of it too only one component hears.
    emit();
    await settled();
    expect([...renders]).toEqual([["s7", 2]]);
  });
});

describe("a component that names one service", () => {
  it("and looks at others too, is up to date with all", async () => {
    const { container } = render(<Overview />, { wrapper: StrictMode });
    await online();
    server.emit("service:status", service("db"));
    await settled();
    expect(container.textContent).toBe("undefined: db");
    server.emit("service:status", service("api", "stopped"));
    server.emit("service:status", service("cache"));
    await settled();
    expect(container.textContent).toBe("stopped: api cache db");
  });

  it("and calls getStatus, is up to date with what it asks for", async () => {
    const { result } = renderHook(() => {
      const { getStatus } = useServiceStatus("api");
      return { getStatus, db: getStatus("db")?.status };
    });
    await online();
    const before = result.current.getStatus;
    server.emit("service:status", service("db", "stopping"));
    await settled();
    expect(result.current.db).toBe("stopping");
    expect(result.current.getStatus).not.toBe(before);
  });

  it("changes its name", async () => {
    const { result, rerender } = renderHook(({ name }) => useServiceStatus(name).status?.status, {
      initialProps: { name: "api" as string | undefined },
    });
    await online();
    server.emit("service:status", service("api", "stopped"));
    server.emit("service:status", service("db"));
    await settled();
    expect(result.current).toBe("stopped");
    rerender({ name: "db" });
    expect(result.current).toBe("running");
    rerender({ name: undefined });
    expect(result.current).toBeUndefined();
    server.emit("service:status", service("db", "stopped"));
    await settled();
    rerender({ name: "db" });
    expect(result.current).toBe("stopped");
  });

  it("hydrates what the server rendered, though the page knows more by then", async () => {
    const keep = renderHook(() => useServiceStatus());
    await online();
    server.emit("service:status", service("api"));
    await settled();
    const element = document.createElement("div");
    element.innerHTML = renderToString(<Overview />);
    expect(element.textContent).toBe("undefined: ");
    const onRecoverableError = vi.fn();
    const root = await act(async () => hydrateRoot(element, <Overview />, { onRecoverableError }));
    await waitFor(() => expect(element.textContent).toBe("running: api"));
    expect(onRecoverableError).not.toHaveBeenCalled();
    act(() => root.unmount());
    keep.unmount();
  });
});

describe("progress", () => {
  const build = (progress: number) => ({ step: `at ${progress}`, progress, status: "in-progress" as const, timestamp });
  const deploy = (stage: string) => ({
    stage,
    environment: "local" as const,
    status: "in-progress" as const,
    logs: [],
    timestamp,
  });

  it("shows each step of those that come within one frame, the newest at last; the history has all at once", async () => {
    const seen: Array<number | undefined> = [];
    const histories: number[] = [];
    const stages: Array<string | undefined> = [];
    renderHook(() => {
      const { progress, history } = useBuildProgress();
      if (seen.at(-1) !== progress?.progress) seen.push(progress?.progress);
      histories.push(history.length);
      const { progress: stage } = useDeployProgress();
      if (stages.at(-1) !== stage?.stage) stages.push(stage?.stage);
    });
    await online();
    for (let progress = 0; progress <= 100; progress += 10) server.emit("build:progress", build(progress));
    for (const stage of ["build", "push", "start"]) server.emit("deploy:progress", deploy(stage));
    await waitFor(() => expect(seen.at(-1)).toBe(100));
    expect(seen.filter((each) => each !== undefined)).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(stages.filter((each) => each !== undefined)).toEqual(["build", "push", "start"]);
    // Before the last steps were shown.
    expect(histories.filter((length) => length === 11).length).toBeGreaterThan(3);
  });

  it("is never further behind than the history is long, and begins anew after a reset", async () => {
    const seen: number[] = [];
    const { result } = renderHook(() => {
      const build = useBuildProgress();
      if (build.progress) seen.push(build.progress.progress);
      return build;
    });
    await online();
    for (let i = 0; i < 400; i++) server.emit("build:progress", build(i / 4));
    await waitFor(() => expect(result.current.progress?.progress).toBe(99.75), { timeout: 5000 });
    expect(seen.length).toBeLessThan(2 * HISTORY_LIMIT + 100);
    for (let i = 0; i < 5; i++) server.emit("build:progress", build(i));
    await act(async () => {
      await new Promise<void>((arrived) => {
        const off = client().on("settled", () => {
          off();
          arrived();
        });
        server.emit("settled", {});
      });
      result.current.reset();
    });
    expect(result.current).toMatchObject({ progress: null, history: [] });
    await settled();
    expect(result.current).toMatchObject({ progress: null, history: [] });
    server.emit("build:progress", build(42));
    await settled();
    expect(result.current.progress).toEqual(build(42));
  });

  it("does not keep who cannot see the page waiting: there the newest shows at once", async () => {
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    try {
      const { result } = renderHook(() => useBuildProgress());
      await online();
      for (let progress = 0; progress <= 100; progress += 10) server.emit("build:progress", build(progress));
      await settled();
      expect(result.current.progress?.progress).toBe(100);
    } finally {
      hidden.mockRestore();
    }
  });
});
