// Chromium, and the example's pages in it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { logIn } from "./session.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 120_000;
// A server that a test has stopped, or a network that it has cut: the browser says so, and it is right.
const EXPECTED =
  /ERR_(CONNECTION_|INTERNET_DISCONNECTED|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|NETWORK_CHANGED|INCOMPLETE_CHUNKED_ENCODING)/;

export interface TestBrowser {
  context: BrowserContext;
  /** Everything that a page complained about. */
  complaints: string[];
  close(): Promise<void>;
}

/** Starts Chromium with an empty profile. */
export async function launchBrowser(): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), "nself-realtime-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    viewport: { width: 1280, height: 800 },
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
  context.setDefaultTimeout(PATIENCE);
  const complaints: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error" && !EXPECTED.test(message.text())) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  return {
    context,
    complaints,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Gives the browser a session of its own. */
export async function logInBrowser(context: BrowserContext, url: string, user?: string): Promise<void> {
  const [name = "", value = ""] = (await logIn(url, user)).split("=");
  await context.addCookies([{ name, value, url, httpOnly: true, sameSite: "Lax" }]);
}

/** Waits until the page's badge shows `state`. */
export async function badge(page: Page, state: string): Promise<void> {
  await page.locator(`.badge[data-state="${state}"]`).waitFor();
}

/** Opens a page of the app and waits until its connection is live. */
export async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await badge(page, "connected");
  return page;
}
