// The chat example in Chromium: what one says the other reads, who comes later reads what was said before, and nonsense is refused.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser, type TestBrowser } from "./support/browser.js";
import { connect, disconnectAll } from "./support/client.js";
import { type NextServer, startNext } from "./support/next.js";
import { chat } from "./support/paths.js";

let browser: TestBrowser;
let server: NextServer;

beforeAll(async () => {
  browser = await launchBrowser();
  server = await startNext({ folder: chat, mode: "start" });
});

afterAll(async () => {
  disconnectAll();
  await browser?.close();
  await server?.program.stop();
});

async function enter(): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(server.url);
  await page.getByText("connected", { exact: true }).waitFor();
  return page;
}

async function say(page: Page, name: string, text: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

const lines = (page: Page) => page.locator("li").allTextContents();

it("shows everybody what was said, once and in order, and later comers what was before", async () => {
  const [ann, bob] = [await enter(), await enter()];
  await say(ann, "Ann", "hello");
  await bob.getByText("hello").waitFor();
  await say(bob, "Bob", "<b>hi</b>");
  const said = ["Ann hello", "Bob <b>hi</b>"];
  for (const page of [ann, bob]) await expect.poll(() => lines(page)).toEqual(said);
  // What was sent is no longer in the field.
  await expect.poll(() => ann.getByLabel("Message").inputValue()).toBe("");
  const late = await enter();
  await expect.poll(() => lines(late)).toEqual(said);
  for (const page of [ann, bob, late]) await page.close();
});

it("says why a message was refused, and takes no nonsense from a stock client", async () => {
  const page = await enter();
  await say(page, "Ann", "   ");
  await page.getByRole("alert").filter({ hasText: "a message has 1 to 500 characters" }).waitFor();
  const socket = await connect(server.url, "websocket");
  for (const data of [{}, { text: "x".repeat(501) }, { text: null }, null]) {
    expect(await socket.emitWithAck("chat:say", { data })).toBe("a message has 1 to 500 characters");
  }
  // Without a question or an ack, nothing happens.
  for (const args of [[], [null], [{ data: { text: "x" } }]]) socket.emit("chat:say", ...args);
  socket.emit("chat:open");
  expect(await socket.emitWithAck("chat:say", { data: { name: {}, text: 7 } })).toBeNull();
  await page.getByText("[object Object]").waitFor();
  await page.close();
});

it("left no error in any console, and the server lives", async () => {
  expect(browser.complaints).toEqual([]);
  expect(server.program.child.exitCode).toBeNull();
});
