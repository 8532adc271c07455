// The example in Chromium: what one tab does is pushed to the other, and hot reloading lives beside the real-time connection.

import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyExample } from "./support/app-copy.js";
import {
  badge,
  clickAtOnce,
  hasRead,
  launchBrowser,
  logInBrowser,
  open,
  recordStates,
  type TestBrowser,
} from "./support/browser.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";

let browser: TestBrowser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
});

describe("the built example", () => {
  let server: NextServer;

  beforeAll(async () => {
    server = await startNext({ folder: example, mode: "start" });
    await logInBrowser(browser.context, server.url);
  });

  afterAll(async () => {
    await server?.program.stop();
  });

  /** Opens the same page in two tabs. */
  async function twoTabs(path: string): Promise<[acting: Page, watching: Page]> {
    return [await open(browser.context, server.url + path), await open(browser.context, server.url + path)];
  }

  /** What a page asks the server's routes from now on. Next itself may still load what links lead to. */
  function requestsOf(page: Page): string[] {
    const requests: string[] = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/api/")) requests.push(pathname);
    });
    return requests;
  }

  it("logs in, says what is wrong, and logs out in every tab", async () => {
    await browser.context.clearCookies();
    const page = await browser.context.newPage();
    await page.goto(`${server.url}/deploy`);
    await page.waitForURL(`${server.url}/login`);
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "that is not the password" }).waitFor();
    await page.getByLabel("Password").fill("nself-demo");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${server.url}/`);
    await badge(page, "connected");
    const other = await open(browser.context, `${server.url}/services`);

    await page.getByRole("button", { name: "Log out admin" }).click();
    await page.waitForURL(`${server.url}/login`);
    await other.waitForURL(`${server.url}/login`);
    await page.close();
    await other.close();
    await logInBrowser(browser.context, server.url);
    // Refused passwords and sessions are what this test is about.
    browser.complaints.splice(0, browser.complaints.length, ...browser.complaints.filter((text) => !/401/.test(text)));
  });

  it("services: pushes a start in one tab to the other, without a request of that one", async () => {
    const [acting, watching] = await twoTabs("/services");
    await hasRead(watching, "/api/services", "/api/docker/stats");
    const requests = requestsOf(watching);
    await acting.getByRole("button", { name: "Start API" }).click();
    await watching.locator('[data-service="api"] [data-status="running"]').waitFor();
    await acting.getByRole("button", { name: "Stop API" }).click();
    await watching.locator('[data-service="api"] [data-status="stopped"]').waitFor();
    expect(requests).toEqual([]);
    await acting.close();
    await watching.close();
  });

  it("services: turns a crashed service unhealthy", async () => {
    const page = await open(browser.context, `${server.url}/services`);
    const row = page.locator('[data-service="worker"]');
    await page.getByRole("button", { name: "Start Worker" }).click();
    await row.locator('[data-status="running"]').waitFor();
    process.kill(Number(await row.locator('[data-label="Process"]').textContent()), "SIGKILL");
    await row.locator('[data-status="unhealthy"]').waitFor();
    await page.close();
  });

  it("dashboard: shows states, figures, activity and who is here, as they change", async () => {
    const [acting, watching] = await twoTabs("/");
    await expect.poll(() => watching.getByTestId("tabs").textContent()).toBe("2 dashboards open");
    await acting.getByRole("button", { name: "Start all" }).click();
    await expect.poll(() => watching.getByTestId("running").textContent()).toBe("5 of 5 running");
    const card = watching.locator('[data-service="gateway"]');
    await expect.poll(() => card.locator("dd").nth(1).textContent()).toMatch(/^\d+(\.\d)? MB$/);
    await watching.locator(".activity li").first().filter({ hasText: "running" }).waitFor();
    await acting.close();
    // Not at once: a page that reloads has not left.
    await expect.poll(() => watching.getByTestId("tabs").textContent()).toBe("1 dashboard open");
    await watching.close();
  });

  it("logs: shows the lines that processes write, and a note of the other tab, each once", async () => {
    const [acting, watching] = await twoTabs("/logs?service=metrics");
    const lines = watching.locator(".line", { hasText: /load \d/ });
    const before = await lines.count();
    await lines.nth(before + 1).waitFor();
    await acting.getByLabel("A note for this log").fill("deploying now");
    await acting.getByRole("button", { name: "Add note" }).click();
    await watching.locator(".line", { hasText: "admin: deploying now" }).waitFor();
    const keys = await watching.locator(".line").evaluateAll((all) => all.map((line) => line.getAttribute("data-key")));
    expect(new Set(keys).size).toBe(keys.length);
    await watching.getByRole("searchbox").fill("no line contains this");
    await watching.getByText("No line is like that.").waitFor();

    await acting.getByRole("link", { name: "All services" }).click();
    await acting.waitForURL(/service=all/);
    await acting.locator(".line", { hasText: "admin: deploying now" }).waitFor();
    await acting.locator(".line b", { hasText: "gateway" }).first().waitFor();
    await acting.close();
    await watching.close();
  });

  it("monitor: shows what processes use, pushed every two seconds", async () => {
    const page = await open(browser.context, `${server.url}/monitor`);
    await hasRead(page, "/api/docker/stats");
    const requests = requestsOf(page);
    const row = page.locator(`[data-container="${server.program.child.pid}"]`);
    const cell = row.locator('[data-label="Disk read / write"]');
    const chart = row.locator("polyline");
    await chart.waitFor({ state: "attached" });
    const drawn = await chart.getAttribute("points");
    await expect.poll(() => chart.getAttribute("points")).not.toBe(drawn);
    expect(await cell.textContent()).toMatch(/B|–/);
    expect(requests).toEqual([]);
    await page.close();
  });

  it("build: goes on in both tabs, fails when it is cancelled, and ends complete", async () => {
    const [acting, watching] = await twoTabs("/build");
    const cancelled = clickAtOnce(watching, "Cancel");
    await acting.getByRole("button", { name: "Build", exact: true }).click();
    await cancelled;
    await acting.getByRole("status").filter({ hasText: "cancelled" }).waitFor();
    const steps = acting.locator(".steps li");
    const ended = await steps.evaluateAll((all) => all.map((step) => step.getAttribute("data-state")).join(" "));
    expect(ended).toMatch(/^(?:complete )*failed(?: pending)*$/);

    const histories = [await recordStates(acting, ".steps li"), await recordStates(watching, ".steps li")];
    await watching.getByRole("button", { name: "Build", exact: true }).click();
    for (const page of [acting, watching]) {
      await page
        .getByRole("status")
        .filter({ hasText: /^Built in/ })
        .waitFor();
      expect(await page.locator('.steps [data-state="complete"]').count()).toBe(4);
      expect(await page.getByRole("progressbar").getAttribute("value")).toBe("100");
      const output = await page.getByRole("log").textContent();
      expect(output).toContain("the API answers /users");
      expect(output).toContain("every checksum is right");
    }
    // A busy browser may show several steps at once, but never an earlier one after a later one.
    for (const states of histories) {
      const begun = (await states())
        .map((shown) => shown.split(" ").indexOf("in-progress"))
        .filter((step) => step >= 0);
      expect(begun.length).toBeGreaterThan(0);
      expect(begun).toEqual([...begun].sort());
    }
    await watching.locator("tbody tr").nth(1).waitFor();
    await acting.close();
    await watching.close();
  });

  it("deploy: asks before production, and every tab sees the release that the link points to", async () => {
    const [acting, watching] = await twoTabs("/deploy");
    await acting.getByRole("radio", { name: /production/i }).check();
    await acting.getByRole("button", { name: "Deploy to production" }).click();
    await acting.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await acting.getByRole("button", { name: "Deploy to production" }).click();
    await acting.getByRole("dialog").getByRole("button", { name: "Deploy" }).click();
    await watching.getByRole("status").filter({ hasText: "Deployed to production" }).waitFor();
    expect(await watching.locator('.steps [data-state="complete"]').count()).toBe(5);
    await watching.locator('[data-environment="production"]', { hasText: "by admin" }).waitFor();
    const current = readlinkSync(join(server.data, "releases", "production", "current"));
    expect(await watching.getByRole("log").textContent()).toContain(`current: nothing → ${current}`);
    await acting.close();
    await watching.close();
  });

  it("database: shows rows, and why a query fails", async () => {
    const page = await open(browser.context, `${server.url}/database`);
    await page.getByRole("button", { name: /^products/ }).click();
    await page.getByLabel("SQL").press("Control+Enter");
    await page.getByRole("status").filter({ hasText: "8 rows" }).waitFor();
    expect(await page.locator("tbody tr").first().locator("td").allTextContents()).toEqual(["1", "Notebook", "4.90"]);
    await page.getByLabel("SQL").fill("select * frm products");
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByRole("alert").filter({ hasText: 'syntax error at or near "frm"' }).waitFor();
    await page.close();
  });

  it("left no error in any console", () => {
    expect(browser.complaints).toEqual([]);
  });
});

describe("next dev", () => {
  let server: NextServer;
  let folder: string;

  beforeAll(async () => {
    folder = copyExample("dev-browser");
    server = await startNext({ folder, mode: "dev" });
    await logInBrowser(browser.context, server.url);
  });

  afterAll(async () => {
    await server?.program.stop();
  });

  it("brings an edit by Next's own WebSocket while ours stays connected", async () => {
    const page = await browser.context.newPage();
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
    await badge(page, "connected");
    // A full reload would forget this.
    await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }));
    const before = updates;

    const file = `${folder}/components/services/service-table.tsx`;
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace('<th scope="col">Process</th>', '<th scope="col">Edited</th>'),
    );
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
