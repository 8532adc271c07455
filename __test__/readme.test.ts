// README's chat, pasted: its handler in a server, its component in Chromium. What one says the other reads.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import ts from "typescript";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { bundle } from "./support/bundle.js";
import { blocksOf, root } from "./support/documents.js";
import { closeClients, connected, realtime } from "./support/nself.js";

const blocks = blocksOf("README.md");
const named = (path: string) => blocks.filter((block) => block.path === path).map(({ code }) => code);

let folder: string;
let http: Server;
let port: number;
let browser: Browser;

beforeAll(async () => {
  // In the package's folder, so that the handler finds it by its name.
  mkdirSync(join(root, ".cache"), { recursive: true });
  folder = mkdtempSync(join(root, ".cache", "readme-"));
  const [, handler = ""] = named("instrumentation.ts");
  const { module, target } = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const path = join(folder, "instrumentation.mjs");
  writeFileSync(path, ts.transpileModule(handler, { compilerOptions: { module, target } }).outputText);

  const [component = ""] = named("app/chat.tsx");
  const page = `${component}
import { createRoot } from "react-dom/client";
createRoot(document.body.appendChild(document.createElement("div"))).render(<Chat />);`;
  const { code } = await bundle(page);
  http = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript
        ? code
        : '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>',
    );
  });

  vi.stubEnv("NEXT_RUNTIME", "nodejs");
  const instrumentation = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as { register(): void };
  instrumentation.register();
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  port = (http.address() as AddressInfo).port;
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
});

afterAll(async () => {
  closeClients();
  await browser?.close();
  await realtime.getWebSocketServer().shutdown();
  http?.closeAllConnections();
  http?.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.getByPlaceholder("Say something").waitFor();
  return page;
}

test("what one says everybody reads, in order; what is no text is nobody's", async () => {
  const [ann, bob] = [await open(), await open()];
  const stranger = await connected(port);
  for (const nonsense of [null, {}, { data: 7 }]) stranger.emit("chat:say", nonsense);
  await ann.getByLabel("Message").fill("hello");
  await ann.keyboard.press("Enter");
  await bob.getByText("hello").waitFor();
  await bob.getByLabel("Message").fill("hi");
  await bob.keyboard.press("Enter");
  await ann.getByText("hi", { exact: true }).waitFor();
  for (const page of [ann, bob]) {
    expect(await page.locator("p").allTextContents()).toEqual(["hello", "hi"]);
    expect(await page.getByLabel("Message").inputValue()).toBe("");
  }
});
