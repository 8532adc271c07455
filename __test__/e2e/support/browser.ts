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

/** Starts Chromium with an empty profile. `ignoreHTTPSErrors`: it takes any certificate. */
export async function launchBrowser({ ignoreHTTPSErrors = false } = {}): Promise<TestBrowser> {
  const profile = mkdtempSync(join(tmpdir(), "nself-realtime-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    viewport: { width: 1280, height: 800 },
    ignoreHTTPSErrors,
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

/** What the elements of a page had in `data-state`, one after the other in the order of the page, at each change. */
export type States = () => Promise<string[]>;

/** Begins to record the states of the elements that `selector` finds: a state that passes by is seen, however busy this process is. */
export async function recordStates(page: Page, selector: string): Promise<States> {
  const record = await page.evaluateHandle((wanted) => {
    const seen: string[] = [];
    const look = () => {
      const states = [...document.querySelectorAll<HTMLElement>(wanted)].map(({ dataset }) => dataset.state ?? "");
      if (states.join(" ") !== seen.at(-1)) seen.push(states.join(" "));
    };
    look();
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["data-state"] });
    return seen;
  }, selector);
  return () => record.jsonValue();
}

/** Clicks a button as soon as the page has it. */
export async function clickAtOnce(page: Page, name: string): Promise<void> {
  await page.evaluate(
    (wanted) =>
      new Promise<void>((resolve) => {
        const look = () => {
          const found = [...document.querySelectorAll("button")].find(({ textContent }) => textContent === wanted);
          if (!found) return;
          observer.disconnect();
          found.click();
          resolve();
        };
        const observer = new MutationObserver(look);
        observer.observe(document, { subtree: true, childList: true });
        look();
      }),
    name,
  );
}

/** Waits until the page has read these paths of its server: what it does once after it connected is over. */
export async function hasRead(page: Page, ...paths: string[]): Promise<void> {
  await page.waitForFunction(
    (wanted) => {
      const read = performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname);
      return wanted.every((path) => read.includes(path));
    },
    paths,
    // A tab in the background has no frames.
    { polling: 100 },
  );
}
