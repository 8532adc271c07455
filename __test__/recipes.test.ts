// The recipes of the documentation, each as the application that it is: its server's files on a real server, its components in Chromium,
// and the stock client beside them.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { documents } from "./support/documents.js";
import { client, closeClients, connected, event, join as joinRoom, realtime } from "./support/nself.js";
import { type Recipe, startRecipe } from "./support/recipe.js";

let browser: Browser;
let recipe: Recipe | undefined;
const contexts: BrowserContext[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});

afterEach(async () => {
  closeClients();
  for (const context of contexts.splice(0)) await context.close();
  await recipe?.close();
  recipe = undefined;
  vi.unstubAllGlobals();
  expect(complaints.splice(0)).toEqual([]);
});

afterAll(() => browser?.close());

/** A page that renders `element` of the recipe, whose imports are `imports`. */
async function start(name: string, imports: string, element: string): Promise<Recipe> {
  recipe = await startRecipe(
    `docs/recipes/${name}.md`,
    `import { createRoot } from "react-dom/client";
${imports}
createRoot(document.getElementById("root")!).render(${element});`,
  );
  return recipe;
}

/** Another visitor, with cookies of their own. */
async function visit({ url }: Recipe, cookies: Record<string, string> = {}): Promise<Page> {
  const context = await browser.newContext();
  contexts.push(context);
  // A machine that is busy takes its time.
  context.setDefaultTimeout(120_000);
  await context.addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, url })));
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url);
  return page;
}

test("every recipe has its test here", () => {
  const text = readFileSync(import.meta.filename, "utf8");
  const names = documents.flatMap((document) => /^docs\/recipes\/(.*)\.md$/.exec(document)?.[1] ?? []);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !text.includes(`await start("${name}"`))).toEqual([]);
});

test("chat: rooms, a memory, and an answer to each message", async () => {
  const app = await start("chat", 'import { Room } from "/app/room";', '<Room room="general" />');
  const [ann, bob] = [await visit(app), await visit(app)];
  for (const [page, text] of [
    [ann, "hello"],
    [bob, "hi"],
  ] as const) {
    await page.getByLabel("Message").fill(text);
    await page.keyboard.press("Enter");
    for (const each of [ann, bob]) await each.getByText(`somebody: ${text}`).waitFor();
  }
  await vi.waitFor(async () => expect(await bob.getByLabel("Message").inputValue()).toBe(""));
  // Who comes later reads what was said.
  const later = await visit(app);
  await later.getByText("somebody: hi").waitFor();
  expect(await later.locator("li").allTextContents()).toEqual(["somebody: hello", "somebody: hi"]);
  // Whatever a client sends is answered, and nobody's else.
  const stock = await connected(app.port);
  for (const nonsense of [
    null,
    {},
    7,
    { data: null },
    { data: { room: "general", text: "" } },
    { data: { room: "x", text: "y" } },
  ]) {
    expect(await stock.emitWithAck("chat:say", nonsense)).toBe(false);
  }
  expect(await stock.emitWithAck("chat:open", { data: "random" })).toEqual([]);
  expect(await later.locator("li").count()).toBe(2);
});

test("session-cookie: nobody without a login, who it is after it, and the end with the logout", async () => {
  vi.stubGlobal("passwordIsRight", async (_name: string, password: string) => password === "right");
  const app = await start("session-cookie", 'import { Account } from "/app/account";', "<Account />");
  const refused = client(app.port);
  expect(await event(refused, "connect_error")).toMatchObject({ data: { code: "ERR_UNAUTHORIZED" } });
  const page = await visit(app);
  await page.getByLabel("Name").fill("ann");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByLabel("Password").fill("right");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("connected", { exact: false }).waitFor();
  const [cookie] = await page.context().cookies();
  const stock = await connected(app.port, { extraHeaders: { cookie: `session=${cookie?.value}` } });
  expect(
    realtime
      .getWebSocketServer()
      .getPresence()
      .map(({ userId }) => userId),
  ).toEqual(["ann", "ann"]);
  const gone = event(stock, "disconnect");
  await page.getByRole("button", { name: "Log out" }).click();
  await gone;
  await page.getByRole("button", { name: "Log in" }).waitFor();
  expect(realtime.getWebSocketServer().getPresence()).toEqual([]);
});

test("live-table: a change is seen", async () => {
  const app = await start("live-table", 'import { Services } from "/app/services";', "<Services />");
  const page = await visit(app);
  await page.getByRole("cell", { name: "stopped" }).waitFor();
  const stock = await connected(app.port);
  const changed = event(stock, "resource:changed");
  const body = JSON.stringify({ name: "postgres", status: "starting" });
  await fetch(`${app.url}/api/services`, { method: "POST", body });
  expect((await changed).data).toEqual({ resource: "services", id: "postgres" });
  await page.getByRole("cell", { name: "starting" }).waitFor();
});

test("logs: the file is followed while somebody reads it", async () => {
  const before = process.cwd();
  const app = await start("logs", 'import { Log } from "/app/log";', '<Log service="api" />');
  try {
    process.chdir(app.folder);
    mkdirSync("logs");
    const file = join(app.folder, "logs", "api.log");
    writeFileSync(file, "one\n");
    const page = await visit(app);
    await page.getByText("one").waitFor();
    const stock = await connected(app.port);
    await joinRoom(stock, "logs:api");
    const line = event(stock, "logs:stream");
    appendFileSync(file, "two\n");
    await page.getByText("two").waitFor();
    expect((await line).data).toMatchObject({ service: "api", line: "two" });
    await page.getByRole("button", { name: "Clear" }).click();
    await vi.waitFor(async () => expect(await page.locator("pre").textContent()).toBe(""));
  } finally {
    process.chdir(before);
  }
});

test("progress: to its end, also for who comes late", async () => {
  const app = await start("progress", 'import { Start } from "/app/progress";', "<Start />");
  const page = await visit(app);
  const response = page.waitForResponse(`${app.url}/api/jobs`);
  await page.getByRole("button", { name: "Start" }).click();
  const { id } = (await (await response).json()) as { id: string };
  const stock = await connected(app.port);
  await joinRoom(stock, `job:${id}`);
  await page.locator('progress[value="100"]').waitFor();
  const job = await fetch(`${app.url}/api/jobs?id=${id}`);
  expect(await job.json()).toEqual({ id, percent: 100 });
  expect((await fetch(`${app.url}/api/jobs?id=none`)).status).toBe(404);
});

test("presence: who was there, who comes, and who goes", async () => {
  const keys: Record<string, string> = { ann: "a".repeat(64), bob: "b".repeat(64) };
  vi.stubGlobal("findSession", async (key: string) => {
    const userId = Object.keys(keys).find((name) => keys[name] === key);
    return userId ? { userId, expiresAt: new Date(Date.now() + 60_000) } : null;
  });
  const app = await start("presence", 'import { People } from "/app/people";', '<People page="home" />');
  expect((await fetch(`${app.url}/api/realtime?room=page:home`)).status).toBe(401);
  const ann = await visit(app, { session: keys.ann ?? "" });
  await ann.getByText("ann").waitFor();
  const bob = await visit(app, { session: keys.bob ?? "" });
  for (const page of [ann, bob]) {
    await page.getByText("bob").waitFor();
    expect((await page.locator("li").allTextContents()).sort()).toEqual(["ann", "bob"]);
  }
  await bob.context().close();
  contexts.pop();
  await ann.getByText("bob").waitFor({ state: "detached" });
  expect(await ann.locator("li").allTextContents()).toEqual(["ann"]);
});
