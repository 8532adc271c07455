// The client and the hooks in Chromium: a fast log costs no frames, the browser's own word on the network counts, and cookies go where
// they may.

import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { WebSocketClient as Client } from "../ts/client/index.js";
import { bundle } from "./support/bundle.js";
import { elapse } from "./support/deadline.js";
import { startProxy } from "./support/proxy.js";
import { type RealtimeTestServer, startServer } from "./support/realtime-server.js";

const LINES = 1000;
const SECONDS = 3;

let server: RealtimeTestServer;
/** Serves the same page from another origin of the same host. */
let front: Server;
let frontUrl: string;
let browser: Browser;
const complaints: string[] = [];

beforeAll(async () => {
  const { code } = await bundle(readFileSync(resolve(import.meta.dirname, "fixtures/log-page.tsx"), "utf8"));
  const answer: RequestListener = (request, response) => {
    const script = request.url === "/page.js";
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html; charset=utf-8" });
    response.end(
      script
        ? code
        : '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/page.js"></script>',
    );
  };
  front = createServer(answer);
  await new Promise<void>((listening) => front.listen(0, "127.0.0.1", listening));
  frontUrl = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  server = await startServer(
    {
      cors: { origin: frontUrl, credentials: true },
      authenticate: ({ cookies }) => ({ userId: cookies["nself-session"] ?? "nobody" }),
    },
    undefined,
    answer,
  );
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  front?.closeAllConnections();
  front?.close();
});

async function open(url = server.url): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  await page.getByText("connected true").waitFor();
  return page;
}

interface Counters {
  frames: number;
  commits: number;
}

async function emitLines(): Promise<void> {
  const start = performance.now();
  for (let sent = 0; sent < LINES * SECONDS; await elapse(5)) {
    const due = Math.min(LINES * SECONDS, ((performance.now() - start) / 1000) * LINES);
    for (; sent < due; sent++) {
      const line = `line ${sent}`;
      server.emit("logs:stream", { service: "fast", line, timestamp: new Date().toISOString() }, "logs:fast");
    }
  }
}

it("a thousand lines a second are shown with at most one commit a frame", async () => {
  const page = await open();
  const before = await page.evaluate<Counters>("counters");
  await emitLines();
  await page.getByText(`line ${LINES * SECONDS - 1}`, { exact: true }).waitFor();
  const shown = await page.locator("li").allTextContents();
  expect(shown).toEqual(Array.from({ length: 500 }, (_, i) => `line ${LINES * SECONDS - 500 + i}`));
  const after = await page.evaluate<Counters>("counters");
  const [frames, commits] = [after.frames - before.frames, after.commits - before.commits];
  expect(commits).toBeGreaterThan(0);
  expect(commits).toBeLessThanOrEqual(frames * 1.05 + 1);
  expect(complaints).toEqual([]);
  await page.context().close();
});

it("knows at once that the network is gone, and comes back at once when it is there again", async () => {
  const page = await open();
  await page.context().setOffline(true);
  await page.getByText("reconnecting").waitFor();
  // The wait before the next attempt is an hour.
  await page.context().setOffline(false);
  await page.getByText("connected true").waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

it("after a sleep in which the network lost the connection, finds that out and connects, also when it is lost again meanwhile", async () => {
  const proxy = await startProxy(Number(new URL(server.url).port));
  const page = await open(`http://127.0.0.1:${proxy.port}`);
  // The clock of a page that slept goes on, its timers do not.
  const sleep = () => page.evaluate("{ const now = Date.now; Date.now = () => now() + 20_000; }");
  proxy.swallow();
  await sleep();
  await page.getByText("reconnecting").waitFor({ timeout: 10_000 });
  // The attempt that follows is swallowed, too; after this sleep it is given up for one that is not.
  proxy.restore();
  await sleep();
  await page.getByText("connected true").waitFor({ timeout: 5000 });
  expect(complaints).toEqual([]);
  await page.context().close();
  await proxy.close();
}, 60_000);

it("sends its cookies to a server of another origin only when that was asked for", async () => {
  const context = await browser.newContext();
  await context.addCookies([{ name: "nself-session", value: "ann", url: frontUrl }]);
  const page = await context.newPage();
  await page.goto(frontUrl);
  for (const [withCredentials, userId] of [
    [true, "ann"],
    [false, "nobody"],
  ]) {
    await page.evaluate(
      ({ url, withCredentials }) => {
        const { WebSocketClient } = window as unknown as { WebSocketClient: typeof Client };
        const client = new WebSocketClient({ url, withCredentials, transports: ["polling"] });
        client.connect();
        client.joinRoom(`credentials:${withCredentials}`);
      },
      { url: server.url, withCredentials: withCredentials as boolean },
    );
    await vi.waitFor(() => expect(server.presence(`credentials:${withCredentials}`)).toMatchObject([{ userId }]));
  }
  await context.close();
});
