// The example in Chromium when its server dies, and when the network does: the badge says so, rooms come back, nothing arrives twice.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { badge, launchBrowser, logInBrowser, open, recordStates, type TestBrowser } from "./support/browser.js";
import { post } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { example } from "./support/paths.js";
import { TcpProxy } from "./support/proxy.js";
import { logIn } from "./support/session.js";

let browser: TestBrowser;
let server: NextServer;

beforeAll(async () => {
  browser = await launchBrowser();
  server = await startNext({ folder: example, mode: "start" });
});

afterAll(async () => {
  await browser?.close();
  await server?.program.stop();
});

const start = async (service: string) => post(`${server.url}/api/services/start`, { service }, await logIn(server.url));

/** What stands in the log: one key for each line, and the numbers of the gateway's requests. */
async function readLog(page: Page): Promise<{ keys: string[]; numbers: number[] }> {
  const lines = await page
    .locator(".line")
    .evaluateAll((all) => all.map((line) => [line.getAttribute("data-key") ?? "", line.textContent ?? ""] as const));
  const numbers = lines.flatMap(([, text]) => text.match(/#(\d+) /)?.[1] ?? []).map(Number);
  return { keys: lines.map(([key]) => key), numbers: numbers.sort((a, b) => a - b) };
}

const lastNumber = async (page: Page) => (await readLog(page)).numbers.at(-1) ?? 0;

describe("a server that is killed and started again on its port", () => {
  it("is found again by every page, whose rooms deliver, each event once", async () => {
    await logInBrowser(browser.context, server.url);
    await start("gateway");
    const logs = await open(browser.context, `${server.url}/logs?service=gateway`);
    const services = await open(browser.context, `${server.url}/services`);
    await logs.locator(".line", { hasText: "#5 " }).waitFor();
    const states = await recordStates(logs, ".badge");

    server.program.child.kill("SIGKILL");
    await server.program.ended;
    await badge(logs, "reconnecting");
    await services.getByText("The connection is lost.").waitFor();
    const old = new Set((await readLog(logs)).keys);

    server = await startNext({ folder: example, mode: "start", port: server.port, data: server.data });
    await badge(logs, "connected");
    expect(await states()).toEqual(["connected", "reconnecting", "connected"]);
    await badge(services, "connected");
    await services.locator('[data-service="gateway"] [data-status="stopped"]').waitFor();
    await services.getByText("The connection is lost.").waitFor({ state: "detached" });

    // The session outlived the server, and the page is still in its room: nothing was loaded again.
    await services.getByRole("button", { name: "Start Gateway" }).click();
    await services.locator('[data-service="gateway"] [data-status="running"]').waitFor();
    const fresh = async () => {
      const { keys } = await readLog(logs);
      expect(new Set(keys).size).toBe(keys.length);
      return keys.filter((key) => !old.has(key)).length;
    };
    await expect.poll(fresh).toBeGreaterThan(20);
    await logs.close();
    await services.close();
  });
});

describe("a network that is cut and comes back", () => {
  it("shows offline, then connected, and the log has every line once, also those from between", async () => {
    const proxy = await TcpProxy.to(server.port);
    await start("gateway");
    try {
      await logInBrowser(browser.context, proxy.url);
      const page = await open(browser.context, `${proxy.url}/logs?service=gateway`);
      const before = await lastNumber(page);
      await expect.poll(() => lastNumber(page)).toBeGreaterThan(before + 5);
      const states = await recordStates(page, ".badge");

      // The browser knows that it has no network, and what was open is gone.
      await browser.context.setOffline(true);
      proxy.cut();
      await badge(page, "offline");
      await page.getByText("This device is offline.").waitFor();
      const during = await lastNumber(page);
      const cookie = await logIn(server.url);
      const written = async () => {
        const response = await fetch(`${server.url}/api/logs/stream?service=gateway`, { headers: { cookie } });
        const { data } = (await response.json()) as { data: Array<{ line: string }> };
        return Number(data.at(-1)?.line.match(/#(\d+) /)?.[1] ?? 0);
      };
      await expect.poll(written).toBeGreaterThan(during + 10);

      proxy.restore();
      await browser.context.setOffline(false);
      await badge(page, "connected");
      await expect.poll(() => lastNumber(page)).toBeGreaterThan(during + 20);
      const seen = await states();
      expect([seen[0], seen.at(-1), seen.includes("offline")]).toEqual(["connected", "connected", true]);
      const { keys, numbers } = await readLog(page);
      expect(new Set(keys).size).toBe(keys.length);
      const first = numbers[0] ?? 0;
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => first + i));
      await page.close();
    } finally {
      await browser.context.setOffline(false);
      await proxy.close();
    }
  });

  it("left no error in any console", () => {
    expect(browser.complaints).toEqual([]);
  });
});
