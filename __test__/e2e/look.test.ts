// What the example's pages owe to everybody: axe finds nothing, in light and dark, and nothing is wider than a phone.

import axe from "axe-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, logInBrowser, open, type TestBrowser } from "./support/browser.js";
import { post } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { logIn } from "./support/session.js";

const PAGES = ["/", "/services", "/logs", "/monitor", "/build", "/deploy", "/database"];

let browser: TestBrowser;
let server: NextServer;

beforeAll(async () => {
  browser = await launchBrowser();
  server = await startNext({ folder: example, mode: "start" });
  await logInBrowser(browser.context, server.url);
  await post(`${server.url}/api/services/start`, { service: "api" }, await logIn(server.url));
});

afterAll(async () => {
  await browser?.close();
  await server?.program.stop();
});

/** What axe finds in the page as it is: rule, and where. */
async function violations(page: Awaited<ReturnType<typeof open>>): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ["violations"] }),
  );
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`),
  );
}

it.each(PAGES)("%s is accessible, light and dark, and fits a phone", async (path) => {
  const page = await open(browser.context, server.url + path);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page), colorScheme).toEqual([]);
  }
  for (const width of [375, 700, 1920]) {
    await page.setViewportSize({ width, height: 760 });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider, `${width} px`).toBeLessThanOrEqual(0);
  }
  await page.close();
});

it("the login page is accessible, and the reader's choice of colours outlives a reload", async () => {
  const context = browser.context;
  await context.clearCookies();
  const page = await context.newPage();
  await page.goto(`${server.url}/login`);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const system = await ground();
  await page.getByRole("button", { name: "Colours: system. Change to light" }).click();
  await page.getByRole("button", { name: "Colours: light. Change to dark" }).click();
  const dark = await ground();
  expect(dark).not.toBe(system);
  expect(await violations(page)).toEqual([]);
  await page.reload();
  expect(await ground()).toBe(dark);
  await page.getByRole("button", { name: "Colours: dark. Change to system" }).click();
  expect(await ground()).toBe(system);
  await logInBrowser(context, server.url);
  await page.close();
});

it("the navigation of a phone opens, closes with Escape, and leads on", async () => {
  const page = await open(browser.context, server.url);
  await page.setViewportSize({ width: 375, height: 760 });
  const logs = page.getByRole("link", { name: "Logs", exact: true });
  expect(await logs.isVisible()).toBe(false);
  await page.getByRole("button", { name: "Menu" }).click();
  await logs.waitFor();
  await page.keyboard.press("Escape");
  await logs.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Menu" }).press("Enter");
  await logs.click();
  await page.waitForURL(`${server.url}/logs`);
  await logs.waitFor({ state: "hidden" });
  await page.close();
});

it("left no error in any console", () => {
  expect(browser.complaints).toEqual([]);
});
