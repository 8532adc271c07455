// Five hundred log lines a second in Chromium: the page shows them, and stays quick.

import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, logInBrowser, open, type TestBrowser } from "./support/browser.js";
import { post } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";

const RATE = 500;
const SECONDS = 6;

let browser: TestBrowser;
let server: NextServer;

beforeAll(async () => {
  browser = await launchBrowser();
  server = await startNext({ folder: example, mode: "start", env: { NSELF_GATEWAY_RATE: String(RATE) } });
  await logInBrowser(browser.context, server.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.program.stop();
});

it("renders 500 lines a second without a task of more than 100 ms", async () => {
  const page = await open(browser.context, `${server.url}/logs?service=gateway`);
  // The page's own start is not what is measured.
  await page.waitForLoadState("networkidle");
  await post(`${server.url}/api/services/start`, { service: "gateway" }, await logIn(server.url));
  await page.locator(".line", { hasText: "#100 " }).waitFor();
  const measured = await page.evaluate(async (ms) => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => duration)),
    );
    observer.observe({ type: "longtask", buffered: false });
    const last = () => Number(document.querySelector(".line:last-child")?.textContent?.match(/#(\d+) /)?.[1] ?? 0);
    const [from, began] = [last(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, ms));
    const rate = ((last() - from) / (performance.now() - began)) * 1000;
    tasks.push(...observer.takeRecords().map(({ duration }) => duration));
    const longest = Math.max(0, ...tasks);
    const lines = document.querySelectorAll(".line").length;
    // A task that is too long on purpose: the browser must tell of it, or it tells of none.
    const told = new Promise<number>((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries()[0]?.duration ?? 0)).observe({ type: "longtask" });
    });
    setTimeout(() => {
      const end = performance.now() + 150;
      while (performance.now() < end);
    });
    observer.disconnect();
    return { rate, longest, lines, onPurpose: await told };
  }, SECONDS * 1000);
  console.log(`${measured.rate.toFixed(0)} lines a second, longest task ${measured.longest.toFixed(0)} ms`);
  expect(measured.rate).toBeGreaterThan(RATE * 0.9);
  expect(measured.lines).toBeGreaterThan(400);
  expect(measured.longest).toBeLessThan(100);
  expect(measured.onPurpose).toBeGreaterThan(100);

  // A reader who looks at older lines is left in peace.
  await page.getByRole("log").hover();
  await page.mouse.wheel(0, -600);
  await page.getByRole("button", { name: "Follow the newest lines" }).waitFor();
  const standing = await page.locator(".line").first().getAttribute("data-key");
  await page.waitForFunction(
    () => performance.getEntriesByType("mark").length > 0 || void setTimeout(() => performance.mark("later"), 500),
  );
  expect(await page.locator(".line").first().getAttribute("data-key")).toBe(standing);
  await page.getByRole("button", { name: "Follow the newest lines" }).click();
  await expect
    .poll(() => page.locator(".line").first().getAttribute("data-key"), { timeout: 15_000 })
    .not.toBe(standing);
  await page.close();
});
