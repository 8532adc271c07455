// The example in Chromium: what one tab does is pushed to the other, and hot reloading lives beside the real-time connection.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyExample } from "./support/app-copy.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 30_000;

let profile: string;
let browser: BrowserContext;
/** Everything that a page complained about. */
const complaints: string[] = [];

beforeAll(async () => {
  profile = mkdtempSync(join(tmpdir(), "nself-realtime-browser-"));
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  browser.setDefaultTimeout(PATIENCE);
  browser.on("console", (message) => {
    // A refused connection is the browser's own word on a server that a test has stopped.
    if (message.type() === "error" && !message.text().includes("ERR_CONNECTION_REFUSED"))
      complaints.push(message.text());
  });
  browser.on("weberror", (error) => complaints.push(String(error.error())));
});

afterAll(async () => {
  await browser?.close();
  rmSync(profile, { recursive: true, force: true });
});

/** Opens a page of the app and waits until its connection is live. */
async function open(url: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(url);
  await page.locator('.badge[data-state="live"]').waitFor();
  return page;
}

describe("the built example", () => {
  let server: NextServer;

  beforeAll(async () => {
    server = await startNext({ folder: example, mode: "start" });
  });

  afterAll(async () => {
    await server?.program.stop();
  });

  it("pushes a start in one tab to the other, without a request of that one", async () => {
    const [acting, watching] = [await open(`${server.url}/services`), await open(`${server.url}/services`)];
    // What a page reads once after it connected is over.
    await watching.waitForLoadState("networkidle");
    const requests: string[] = [];
    watching.on("request", (request) => requests.push(request.url()));

    await acting.getByRole("button", { name: "Start API" }).click();
    await watching.locator('[data-service="api"] [data-status="running"]').waitFor();
    await acting.getByRole("button", { name: "Stop API" }).click();
    await watching.locator('[data-service="api"] [data-status="stopped"]').waitFor();

    expect(requests).toEqual([]);
    await acting.close();
    await watching.close();
  });

  it("turns a crashed service unhealthy", async () => {
    const page = await open(`${server.url}/services`);
    const card = page.locator('[data-service="worker"]');
    await page.getByRole("button", { name: "Start Worker" }).click();
    await card.locator('[data-status="running"]').waitFor();
    process.kill(Number(await card.locator("dd").first().textContent()), "SIGKILL");
    await card.locator('[data-status="unhealthy"]').waitFor();
    await page.close();
  });

  it("shows the lines that a process writes, each once", async () => {
    const services = await open(`${server.url}/services`);
    await services.getByRole("button", { name: "Start Metrics" }).click();
    await services.locator('[data-service="metrics"] [data-status="running"]').waitFor();

    const logs = await open(`${server.url}/logs`);
    const lines = logs.locator(".line", { hasText: /load \d/ });
    const before = await lines.count();
    await lines.nth(before + 1).waitFor();
    const shown = await logs.locator(".line").allTextContents();
    expect(new Set(shown).size).toBe(shown.length);

    await logs.getByRole("link", { name: "Metrics" }).click();
    await logs.waitForURL(/service=metrics/);
    await logs
      .locator(".line", { hasText: /load \d/ })
      .first()
      .waitFor();
    expect(await logs.locator(".line b").count()).toBe(0);
    await services.close();
    await logs.close();
  });

  it("shows an empty state, and what it missed after it was offline", async () => {
    const page = await open(`${server.url}/logs?service=api`);
    await page.getByRole("searchbox").fill("no line contains this");
    await page.getByText("No line contains that.").waitFor();
    await page.goto(`${server.url}/services`);
    await page.locator('.badge[data-state="live"]').waitFor();

    await server.program.stop();
    await page.getByText("The connection is lost.").waitFor();
    server = await startNext({ folder: example, mode: "start", port: server.port });
    await page.locator('.badge[data-state="live"]').waitFor();
    await page.locator('[data-service="metrics"] [data-status="stopped"]').waitFor();
    await page.close();
  });

  it("left no error in any console", () => {
    expect(complaints).toEqual([]);
  });
});

describe("next dev", () => {
  let server: NextServer;
  let folder: string;

  beforeAll(async () => {
    folder = copyExample("dev-browser");
    server = await startNext({ folder, mode: "dev" });
  });

  afterAll(async () => {
    await server?.program.stop();
  });

  it("brings an edit by Next's own WebSocket while ours stays connected", async () => {
    const page = await browser.newPage();
    const ours: string[] = [];
    const nexts: string[] = [];
    let updates = 0;
    page.on("websocket", (socket) => {
      const path = new URL(socket.url()).pathname;
      if (path.startsWith("/_next/")) {
        nexts.push(path);
        socket.on("framereceived", () => updates++);
      } else {
        ours.push(path);
        socket.on("close", () => ours.push("closed"));
      }
    });
    await page.goto(`${server.url}/services`);
    await page.locator('.badge[data-state="live"]').waitFor();
    // A full reload would forget this.
    await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
    const before = updates;

    const file = `${folder}/components/service-card.tsx`;
    writeFileSync(file, readFileSync(file, "utf8").replace("<dt>Process</dt>", "<dt>Edited</dt>"));
    await page.getByText("Edited").first().waitFor();

    expect(nexts.length).toBeGreaterThan(0);
    expect(updates).toBeGreaterThan(before);
    expect(await page.evaluate(() => "notReloaded" in globalThis)).toBe(true);
    expect(ours).toEqual(["/api/ws/"]);

    await page.getByRole("button", { name: "Start API" }).click();
    await page.locator('[data-service="api"] [data-status="running"]').waitFor();
    await page.close();
  });
});
