// Five hundred log lines a second in Chromium: the page shows each of them once and in order. How quick it stays, `npm run bench:page` says.

import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, logInBrowser, open, type TestBrowser } from "./support/browser.js";
import { post } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";

let browser: TestBrowser;
let server: NextServer;

beforeAll(async () => {
  browser = await launchBrowser();
  server = await startNext({ folder: example, mode: "start", env: { NSELF_GATEWAY_RATE: "500" } });
  await logInBrowser(browser.context, server.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.program.stop();
});

it("shows 500 lines a second, and leaves a reader of older ones in peace", async () => {
  const page = await open(browser.context, `${server.url}/logs?service=gateway`);
  // What the page reads once after it connected is over.
  await page.waitForLoadState("networkidle");
  await post(`${server.url}/api/services/start`, { service: "gateway" }, await logIn(server.url));
  const newest = () =>
    page
      .locator(".line")
      .last()
      .textContent()
      .then((text) => Number(/#(\d+) /.exec(text ?? "")?.[1] ?? 0));
  await expect.poll(newest).toBeGreaterThan(2000);
  // At one moment: every line once, in the order of the stream that it came by, and none missing. A failed request is written to the
  // other stream, so it may stand a few lines from its neighbours, and at either end of what is shown it may not be shown.
  const lines = await page.evaluate(() =>
    [...document.querySelectorAll(".line")].map((line) => line.textContent ?? ""),
  );
  const numbers = (shown: string[]) => shown.map((line) => Number(/#(\d+) /.exec(line)?.[1]));
  const sorted = (of: number[]) => [...of].sort((a, b) => a - b);
  expect(lines.length).toBeGreaterThan(400);
  const isError = (line: string) => /error: #/.test(line);
  for (const stream of [lines.filter(isError), lines.filter((line) => !isError(line))]) {
    expect(numbers(stream)).toEqual(sorted(numbers(stream)));
  }
  const all = sorted(numbers(lines));
  expect(all).toEqual([...new Set(all)]);
  const inner = all.slice(20, -20);
  expect(inner).toEqual(Array.from(inner, (_, i) => inner[0]! + i));

  await page.getByRole("log").hover();
  await page.mouse.wheel(0, -600);
  await page.getByRole("button", { name: "Follow the newest lines" }).waitFor();
  const standing = () => page.locator(".line").first().getAttribute("data-key");
  const first = await standing();
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
  expect(await standing()).toBe(first);
  await page.getByRole("button", { name: "Follow the newest lines" }).click();
  await expect.poll(standing).not.toBe(first);
  await page.close();
});
