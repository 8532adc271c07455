// @vitest-environment jsdom
// The hooks against a real server: one socket, each event once, bounded memory, server rendering, StrictMode, what the build may contain.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { act, render, renderHook, waitFor } from "@testing-library/react";
import { StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import ts from "typescript";
import { describe, expect, it, vi } from "vitest";
import type { BuildProgressEvent, DockerStatsEvent } from "../ts/client/index.js";
import {
  useBuildProgress,
  useDbQueryResult,
  useDeployProgress,
  useDockerStats,
  useEvent,
  useInvalidation,
  useLogStream,
  usePresence,
  useRoom,
  useServiceStatus,
  useWebSocket,
} from "../ts/react/index.js";
import { KEY_LIMIT } from "../ts/react/keyed-store.js";
import { client, online, page, server, settled } from "./support/react-page.js";

/** Of jsdom, in ms. */
const FRAME = 1000 / 60;
const timestamp = "2026-01-01T00:00:00Z";
const service = (name: string, status = "running") => ({ service: name, status, timestamp });
const build = (step: string, status: BuildProgressEvent["status"] = "in-progress") => ({
  step,
  progress: 50,
  status,
  timestamp,
});
const line = (text: string, name = "api") => ({ service: name, line: text, timestamp });
const stats = (containerId: string, cpu: number): DockerStatsEvent => ({
  containerId,
  containerName: containerId,
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

page();

function EveryHook() {
  const socket = useWebSocket();
  const service = useServiceStatus("api");
  const build = useBuildProgress();
  const docker = useDockerStats("c1");
  const logs = useLogStream("api");
  const room = useRoom("project-1");
  const deploy = useDeployProgress();
  const query = useDbQueryResult("q1");
  const presence = usePresence("project-2");
  useEvent("custom", () => {});
  useInvalidation(() => {});
  return (
    <p>
      {JSON.stringify({
        connected: socket.connected,
        status: service.status ?? null,
        history: build.history,
        container: docker.containerStats ?? null,
        lines: logs.lines,
        joined: room.joined,
        deploys: deploy.history,
        pending: query.isPending,
        members: presence.members.length,
      })}
    </p>
  );
}

function Counted({ n }: { n: number }) {
  return <p>{`${n} ${useWebSocket().connected}`}</p>;
}

describe("one connection", () => {
  it("bug 5: two mounted hooks make one socket, get each event once, and leak none", async () => {
    const before = server.connections();
    const heard: unknown[] = [];
    const first = renderHook(() => useBuildProgress());
    const second = renderHook(() => useBuildProgress());
    const socket = renderHook(() => useWebSocket());
    socket.result.current.on("build:progress", (data) => heard.push(data));
    await online();
    server.emit("build:progress", build("compile"));
    await settled();
    expect(first.result.current.history).toEqual([build("compile")]);
    expect(second.result.current.history).toEqual([build("compile")]);
    expect(heard).toHaveLength(1);
    expect(server.connections()).toBe(before + 1);
    for (const { unmount } of [first, second, socket]) unmount();
    await vi.waitFor(() => expect(server.sockets()).toBe(0));
  });

  it("bug 5: StrictMode mounts, unmounts, mounts on one socket, each event and join once", async () => {
    const before = server.connections();
    const joined: unknown[] = [];
    const off = client().on("room:joined", (data) => joined.push(data));
    const { result } = renderHook(
      () => ({ build: useBuildProgress(), logs: useLogStream("strict"), socket: useWebSocket() }),
      { wrapper: StrictMode },
    );
    await waitFor(() => expect(server.members("logs:strict")).toHaveLength(1));
    server.emit("build:progress", build("compile"));
    server.emit("logs:stream", line("a", "strict"), "logs:strict");
    await settled();
    await waitFor(() => expect(result.current.logs.lines).toMatchObject([line("a", "strict")]));
    expect(result.current.build.history).toHaveLength(1);
    expect(result.current.socket.connected).toBe(true);
    expect(joined).toHaveLength(1);
    expect(server.connections()).toBe(before + 1);
    off();
  });

  it("keeps the socket when one page's hooks go and the next page's come", async () => {
    const before = server.connections();
    const first = renderHook(() => useServiceStatus());
    await online();
    first.unmount();
    renderHook(() => useServiceStatus());
    await settled();
    expect(server.connections()).toBe(before + 1);
  });
});

describe("server rendering", () => {
  it("bug 14: every hook renders on the server, and hydrates without a mismatch", async () => {
    const before = server.connections();
    vi.stubGlobal("window", undefined);
    const html = renderToString(<EveryHook />);
    vi.unstubAllGlobals();
    const nothing = { connected: false, status: null, history: [], container: null, lines: [], joined: false };
    const empty = { ...nothing, deploys: [], pending: true, members: 0 };
    expect(html).toBe(`<p>${JSON.stringify(empty).replaceAll('"', "&quot;")}</p>`);
    expect(server.connections()).toBe(before);

    const container = document.createElement("div");
    container.innerHTML = html;
    const onRecoverableError = vi.fn();
    const root = await act(async () => hydrateRoot(container, <EveryHook />, { onRecoverableError }));
    await waitFor(() => expect(container.textContent).toContain('"joined":true'));
    expect(container.textContent).toContain('"connected":true');
    expect(onRecoverableError).not.toHaveBeenCalled();
    act(() => root.unmount());
  });
});

describe("bounded memory", () => {
  it("bug 14: the build's history keeps the last 100", async () => {
    const { result } = renderHook(() => useBuildProgress());
    await online();
    for (let step = 1; step <= 130; step++) server.emit("build:progress", build(String(step)));
    await settled();
    expect(result.current.history.map(({ step }) => step)).toEqual(
      Array.from({ length: 100 }, (_, i) => String(i + 31)),
    );
  });

  it("a fast log stream keeps the last lines, and renders in steps", async () => {
    let renders = 0;
    const { result } = renderHook(() => {
      renders++;
      return useLogStream("fast", { limit: 50 });
    });
    await waitFor(() => expect(server.members("logs:fast")).toHaveLength(1));
    await settled();
    renders = 0;
    const start = performance.now();
    for (let i = 1; i <= 2000; i++) {
      server.emit("logs:stream", line(String(i), "fast"), "logs:fast");
      if (i % 20 === 0) await settled();
    }
    await waitFor(() => expect(result.current.lines.at(-1)?.line).toBe("2000"));
    expect(result.current.lines.map((each) => each.line)).toEqual(
      Array.from({ length: 50 }, (_, i) => String(i + 1951)),
    );
    expect(renders).toBeLessThanOrEqual((performance.now() - start) / FRAME + 2);
  });

  it("container figures keep a limited number of containers, the silent ones go first", async () => {
    const { result } = renderHook(() => useDockerStats());
    await online();
    for (let i = 0; i < KEY_LIMIT; i++) server.emit("docker:stats", stats(`c${i}`, 1));
    server.emit("docker:stats", stats("c0", 2));
    server.emit("docker:stats", stats("new", 3));
    await waitFor(() => expect(result.current.getStats("new")).toEqual(stats("new", 3)));
    expect(Object.keys(result.current.stats)).toHaveLength(KEY_LIMIT);
    expect(result.current.getStats("c0")).toEqual(stats("c0", 2));
    expect(result.current.getStats("c1")).toBeUndefined();
  });
});

describe("hooks", () => {
  it("useWebSocket follows the connection, with the same functions at each render", async () => {
    const { result } = renderHook(() => useWebSocket());
    const { on, emit, joinRoom, leaveRoom } = result.current;
    expect(result.current.status).toMatchObject({ connected: false, reconnecting: false });
    await waitFor(() => expect(result.current.connected).toBe(true));
    await act(() => server.stop());
    await waitFor(() => expect(result.current.reconnecting).toBe(true));
    await server.start();
    await waitFor(() => expect(result.current.connected).toBe(true));
    expect(result.current).toMatchObject({ on, emit, joinRoom, leaveRoom, client: client() });
  });

  it("useServiceStatus keeps the latest status of each service", async () => {
    const { result } = renderHook(() => useServiceStatus("api"));
    await online();
    expect(result.current.status).toBeUndefined();
    expect(result.current.getStatus("constructor")).toBeUndefined();
    server.emit("service:status", service("api", "starting"));
    server.emit("service:status", service("db"));
    server.emit("service:status", service("api"));
    await waitFor(() => expect(result.current.status).toEqual(service("api")));
    expect(result.current.getStatus("db")).toEqual(service("db"));
    expect(Object.keys(result.current.statuses).sort()).toEqual(["api", "db"]);
  });

  it("useBuildProgress tells the state of the build, and resets", async () => {
    const { result } = renderHook(() => useBuildProgress());
    await online();
    const state = () => [result.current.isBuilding, result.current.isComplete, result.current.isFailed];
    expect(state()).toEqual([false, false, false]);
    server.emit("build:progress", build("a"));
    await settled();
    expect(state()).toEqual([true, false, false]);
    server.emit("build:progress", build("a", "failed"));
    await settled();
    expect(state()).toEqual([false, false, true]);
    server.emit("build:progress", build("b", "complete"));
    await settled();
    expect(state()).toEqual([false, true, false]);
    expect(result.current.progress).toEqual(build("b", "complete"));
    act(() => result.current.reset());
    expect([result.current.progress, result.current.history]).toEqual([null, []]);
  });

  it("forgets what it showed some time after the last unmount", async () => {
    const first = renderHook(() => useBuildProgress());
    await online();
    server.emit("build:progress", build("old"));
    await settled();
    expect(first.result.current.history).toHaveLength(1);
    first.unmount();
    await vi.waitFor(() => expect(server.sockets()).toBe(0));
    expect(renderHook(() => useBuildProgress()).result.current.history).toEqual([]);
    await online();
  });

  it("useDockerStats gives the figures of one container", async () => {
    const { result } = renderHook(() => useDockerStats("c1"));
    await online();
    server.emit("docker:stats", stats("c1", 10));
    server.emit("docker:stats", stats("c1", 20));
    await waitFor(() => expect(result.current.containerStats?.stats.cpu).toBe(20));
  });

  it("useLogStream shows its own service's lines, clears, and changes rooms", async () => {
    const { result, rerender } = renderHook(({ name }) => useLogStream(name), { initialProps: { name: "api" } });
    await waitFor(() => expect(server.members("logs:api")).toHaveLength(1));
    server.emit("logs:stream", line("a"), "logs:api");
    server.emit("logs:stream", line("x", "db"), "logs:api");
    server.emit("logs:stream", line("b"), "logs:api");
    await waitFor(() => expect(result.current.lines).toMatchObject([line("a"), line("b")]));
    act(() => result.current.clear());
    expect(result.current.lines).toEqual([]);
    rerender({ name: "all" });
    await waitFor(() => expect(server.members("logs:all")).toHaveLength(1));
    await waitFor(() => expect(server.members("logs:api")).toEqual([]));
    server.emit("logs:stream", line("c", "db"), "logs:all");
    await waitFor(() => expect(result.current.lines).toMatchObject([line("c", "db")]));
  });

  it("bug 4: useRoom and useLogStream are in their rooms again after the server restarted", async () => {
    const hooks = renderHook(() => ({ room: useRoom("project-1"), logs: useLogStream("api") }));
    await waitFor(() => expect(hooks.result.current.room.joined).toBe(true));
    await server.stop();
    await server.start();
    await waitFor(() => expect(server.members("project-1")).toHaveLength(1));
    await waitFor(() => expect(server.members("logs:api")).toHaveLength(1));
  });

  it("useRoom joins, tells a refusal, and leaves with the last component", async () => {
    const first = renderHook(({ room }) => useRoom(room), { initialProps: { room: "project-1" as string | null } });
    const second = renderHook(() => useRoom("project-1"));
    await waitFor(() => expect(first.result.current).toEqual({ joined: true, error: null }));
    first.rerender({ room: "not a room" });
    await waitFor(() =>
      expect(first.result.current).toMatchObject({ joined: false, error: { code: "ERR_INVALID_ROOM" } }),
    );
    expect(server.members("project-1")).toHaveLength(1);
    first.rerender({ room: null });
    expect(first.result.current).toEqual({ joined: false, error: null });
    second.unmount();
    await waitFor(() => expect(server.members("project-1")).toEqual([]));
    expect(server.sockets()).toBe(1);
  });

  it("rendering again does not subscribe anew", async () => {
    const subscribed = vi.spyOn(client(), "onStatusChange");
    const page = render(<Counted n={1} />);
    await online();
    for (let n = 2; n < 10; n++) page.rerender(<Counted n={n} />);
    expect(subscribed).toHaveBeenCalledTimes(1);
    subscribed.mockRestore();
  });
});

describe("build", () => {
  const folder = resolve(import.meta.dirname, "../ts/react");
  const files = readdirSync(folder).filter((name) => name === "index.ts" || name.startsWith("use-"));

  it.each([
    ["ES modules", ts.ModuleKind.ESNext],
    ["CommonJS", ts.ModuleKind.CommonJS],
  ])('keeps "use client" at the top of the entry and of each hook: %s', (_, module) => {
    expect(files.length).toBeGreaterThan(6);
    for (const file of files) {
      const source = readFileSync(`${folder}/${file}`, "utf8");
      const { outputText } = ts.transpileModule(source, {
        compilerOptions: { module, target: ts.ScriptTarget.ES2022 },
      });
      expect(outputText, file).toMatch(/^(?:"use strict";\s*)?"use client";/);
      expect(source, file).not.toContain("export *");
    }
  });

  it.each([
    ["client", ["socket.io-client"]],
    ["react", ["react", "socket.io-client"]],
  ])("nself-realtime/%s imports no server code", (entry, packages) => {
    const root = resolve(import.meta.dirname, "../ts");
    const seen = new Set<string>();
    const found = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, name = ""] of readFileSync(file, "utf8").matchAll(
        /(?:\bfrom|\bimport\s*\(?|\brequire\s*\()\s*"([^"]+)"/g,
      )) {
        if (name.startsWith(".")) visit(resolve(dirname(file), name.replace(/\.js$/, ".ts")));
        else found.add(name);
      }
    };
    visit(`${root}/${entry}/index.ts`);
    const folders = new Set([...seen].map((file) => file.slice(root.length + 1).split("/")[0]));
    expect([...folders].sort()).toEqual([...new Set(["client", "events.ts", entry])].sort());
    expect([...found].sort()).toEqual(packages);
  });
});
