// @vitest-environment jsdom
// useInvalidation: one line instead of a poll, with functions, with SWR, and with TanStack Query.

import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { act, render, renderHook, waitFor } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import useSWR, { SWRConfig, useSWRConfig } from "swr";
import { describe, expect, it, vi } from "vitest";
import type { ResourceChangedEvent } from "../ts/client/index.js";
import { type OnInvalidate, queryInvalidation, swrInvalidation, useInvalidation } from "../ts/react/index.js";
import { EVERYTHING, GATHER, Gatherer } from "../ts/react/invalidation.js";
import { client, online, page, server, settled } from "./support/react-page.js";

page({ connectionStateRecovery: { maxDisconnectionDuration: 60_000 } });

const changed = (resource: string, id?: string) =>
  server.emit("resource:changed", id === undefined ? { resource } : { resource, id });

/** What a function was told, as texts. */
const told = (calls: ReturnType<typeof vi.fn<OnInvalidate>>) =>
  calls.mock.calls.map(([{ resource, id }]) => (id === undefined ? resource : `${resource} ${id}`));

const heard = vi.fn<OnInvalidate>();

function Listener() {
  useInvalidation(heard);
  return null;
}

describe("useInvalidation", () => {
  it("tells a function each change, the first connection included", async () => {
    const heard = vi.fn<OnInvalidate>();
    const { rerender } = renderHook(({ f }) => useInvalidation(f), { initialProps: { f: heard }, wrapper: StrictMode });
    await online();
    server.emit("resource:changed", { resource: "services", id: "api", by: "ann" });
    await waitFor(() => expect(told(heard)).toEqual(["*", "services api"]));
    expect(heard.mock.calls[1]?.[0]).toEqual({ resource: "services", id: "api", by: "ann" });
    const later = vi.fn<OnInvalidate>();
    rerender({ f: later });
    changed("jobs");
    await waitFor(() => expect(told(later)).toEqual(["jobs"]));
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it("tells the functions of a map what is theirs, and all of them when anything may have changed", async () => {
    const [services, jobs] = [vi.fn<OnInvalidate>(), vi.fn<OnInvalidate>()];
    renderHook(() => useInvalidation({ services, jobs }));
    await waitFor(() => expect([told(services), told(jobs)]).toEqual([["*"], ["*"]]));
    changed("services");
    changed("toString");
    changed("jobs", "7");
    await waitFor(() =>
      expect([told(services), told(jobs)]).toEqual([
        ["*", "services"],
        ["*", "jobs 7"],
      ]),
    );
  });

  it("says nothing of what a page missed that was connected all the time, and all where it was not", async () => {
    renderHook(() => useInvalidation(() => {}));
    await online();
    const heard = vi.fn<OnInvalidate>();
    renderHook(() => useInvalidation(heard));
    await settled();
    expect(heard).not.toHaveBeenCalled();
    // The server knows nothing of the connection before it.
    await act(() => server.stop());
    await server.start();
    await waitFor(() => expect(told(heard)).toEqual(["*"]));
    const gap = { event: "resource:changed", count: 2, from: "t", to: "t" };
    server.emit("gap", { ...gap, event: "logs:stream" });
    server.emit("gap", gap);
    await waitFor(() => expect(told(heard)).toEqual(["*", "*"]));
  });

  it("says nothing after a connection that the server recovered", async () => {
    const heard = vi.fn<OnInvalidate>();
    renderHook(() => useInvalidation(heard));
    await waitFor(() => expect(told(heard)).toEqual(["*"]));
    changed("services");
    await waitFor(() => expect(told(heard)).toEqual(["*", "services"]));
    // As a network that breaks.
    act(() => void window.dispatchEvent(new Event("offline")));
    await waitFor(() => expect(client().getStatus()).toMatchObject({ connected: true, recovered: true }));
    await settled();
    expect(heard).toHaveBeenCalledTimes(2);
  });

  it("renders on the server, and listens to nothing there or after its end", async () => {
    heard.mockClear();
    expect(renderToString(<Listener />)).toBe("");
    const { unmount } = render(<Listener />, { wrapper: StrictMode });
    await waitFor(() => expect(heard).toHaveBeenCalledTimes(1));
    changed("services");
    changed("jobs");
    await settled();
    unmount();
    const calls = heard.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, GATHER));
    expect(heard).toHaveBeenCalledTimes(calls);
  });

  it("reports a change that is none, and passes nothing on of it", async () => {
    const [heard, error] = [vi.fn<OnInvalidate>(), vi.fn()];
    renderHook(() => useInvalidation(heard));
    await waitFor(() => expect(told(heard)).toEqual(["*"]));
    const off = client().on("error", error);
    server.emit("resource:changed", { id: "api" });
    await settled();
    off();
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ code: "ERR_INVALID_EVENT" }));
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe("Gatherer", () => {
  it("passes the first on at once, and of those that follow each once, all of them or everything", () => {
    vi.useFakeTimers();
    try {
      const passed: string[] = [];
      const gatherer = new Gatherer(({ resource, id = "" }: ResourceChangedEvent) => passed.push(resource + id));
      const take = () => passed.splice(0);
      gatherer.add({ resource: "a" });
      expect(take()).toEqual(["a"]);
      for (let i = 0; i < 100; i++) gatherer.add({ resource: "a", id: String(i % 2) });
      gatherer.add({ resource: "b" });
      expect(take()).toEqual([]);
      vi.advanceTimersByTime(GATHER);
      expect(take()).toEqual(["a0", "a1", "b"]);
      gatherer.add({ resource: "a" });
      gatherer.add(EVERYTHING);
      gatherer.add({ resource: "b" });
      vi.advanceTimersByTime(GATHER);
      expect(take()).toEqual(["*"]);
      vi.advanceTimersByTime(GATHER);
      gatherer.add({ resource: "a" });
      expect(take()).toEqual(["a"]);
      gatherer.add({ resource: "b" });
      gatherer.stop();
      vi.advanceTimersByTime(10 * GATHER);
      expect(take()).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

/** Loads of each address since the last look. */
function loads() {
  const counts = new Map<string, number>();
  const fetcher = async (address: string) => {
    counts.set(address, (counts.get(address) ?? 0) + 1);
    return counts.get(address) as number;
  };
  const take = () => {
    const taken = Object.fromEntries(counts);
    counts.clear();
    return taken;
  };
  return { fetcher, counts, take };
}

it("SWR loads anew what has the resource in its key", async () => {
  const { fetcher, counts, take } = loads();
  const hooks = () => {
    const { mutate } = useSWRConfig();
    useInvalidation(swrInvalidation(mutate));
    useSWR("/api/services?limit=5", fetcher);
    useSWR("/api/services/api", fetcher);
    useSWR(["services", 7], () => fetcher("by array"));
    useSWR("services", () => fetcher("by name"));
    useSWR("/api/jobs", fetcher);
  };
  // Nothing but the hook makes it load again.
  const quiet = { revalidateOnFocus: false, revalidateOnReconnect: false, provider: () => new Map() };
  const wrapper = ({ children }: { children: ReactNode }) => <SWRConfig value={quiet}>{children}</SWRConfig>;
  renderHook(hooks, { wrapper });
  // Once by itself, once as it was loaded before the connection was there.
  await waitFor(() => expect(Object.values(Object.fromEntries(counts))).toEqual([2, 2, 2, 2, 2]));
  take();
  await act(async () => changed("services", "api"));
  const all = { "/api/services?limit=5": 1, "/api/services/api": 1, "by array": 1, "by name": 1 };
  await waitFor(() => expect(Object.fromEntries(counts)).toEqual(all));
  take();
  await act(async () => changed("jobs"));
  await waitFor(() => expect(Object.fromEntries(counts)).toEqual({ "/api/jobs": 1 }));
});

it("TanStack Query loads anew what has a key that begins with the resource", async () => {
  const { fetcher, counts, take } = loads();
  const queries = new QueryClient({
    defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false } },
  });
  const hooks = () => {
    useInvalidation(queryInvalidation(useQueryClient()));
    useQuery({ queryKey: ["services", "list"], queryFn: () => fetcher("list") });
    useQuery({ queryKey: ["services", "detail", "api"], queryFn: () => fetcher("detail") });
    useQuery({ queryKey: ["jobs"], queryFn: () => fetcher("jobs") });
  };
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={queries}>{children}</QueryClientProvider>
  );
  renderHook(hooks, { wrapper });
  await waitFor(() => expect(Object.values(Object.fromEntries(counts))).toEqual([2, 2, 2]));
  take();
  await act(async () => changed("services", "api"));
  await waitFor(() => expect(Object.fromEntries(counts)).toEqual({ list: 1, detail: 1 }));
  take();
  await act(async () => changed("jobs"));
  await waitFor(() => expect(Object.fromEntries(counts)).toEqual({ jobs: 1 }));
  queries.clear();
});
