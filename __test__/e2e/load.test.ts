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
  // At one moment: lines without a gap, to the newest.
  const numbers = await page.evaluate(() =>
    [...document.querySelectorAll(".line")].map((line) => Number(/#(\d+) /.exec(line.textContent ?? "")?.[1])),
  );
  expect(numbers.length).toBeGreaterThan(400);
  expect(numbers).toEqual(Array.from(numbers, (_, i) => numbers[0]! + i));

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
