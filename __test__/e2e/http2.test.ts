// An HTTP/2 server that takes HTTP/1.1 too, with Chromium: it polls over HTTP/2, and opens its WebSocket over HTTP/1.1.

import { readFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { certificate } from "../support/certificate.js";
import { realtime } from "../support/nself.js";
import { launchBrowser, type TestBrowser } from "./support/browser.js";
import { root } from "./support/paths.js";

const script = readFileSync(`${root}/node_modules/socket.io-client/dist/socket.io.min.js`);
const PAGE = `<!doctype html><title>HTTP/2</title><link rel="icon" href="data:,"><script src="/socket.io.min.js"></script>
<ul></ul><script>
  const say = (text) => document.querySelector("ul").insertAdjacentHTML("beforeend", "<li>" + text + "</li>");
  const socket = io({ path: "/api/ws", transports: location.hash.slice(1).split(",") });
  socket.on("connect_error", ({ message }) => say("refused: " + message));
  socket.on("connect", () => say("connected by " + socket.io.engine.transport.name));
  socket.io.engine.on("upgrade", ({ name }) => say("upgraded to " + name));
  socket.on("news", (text) => say("news " + text));
</script>`;

let browser: TestBrowser;
let server: Http2SecureServer;
let url: string;

beforeAll(async () => {
  server = createSecureServer({ ...certificate(), allowHTTP1: true }, (request, response) => {
    if (request.url === "/socket.io.min.js") response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    else response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  });
  realtime.attach(server as never);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
  browser = await launchBrowser({ ignoreHTTPSErrors: true });
});

afterAll(async () => {
  await browser?.close();
  await realtime.getWebSocketServer().shutdown();
  server?.close();
});

/** The protocols by which the page itself came, and then our requests. */
async function protocols(page: Page): Promise<string[]> {
  const found = await page.evaluate(() => {
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return entries.map((entry) => [entry.name, (entry as PerformanceResourceTiming).nextHopProtocol] as const);
  });
  return [...new Set(found.filter(([name]) => !name.endsWith(".js")).map(([, protocol]) => protocol))];
}

async function visit(transports: string): Promise<Page> {
  const page = await browser.context.newPage();
  await page.goto(`${url}/#${transports}`);
  return page;
}

it.each([
  ["polling", "connected by polling", ""],
  ["websocket", "connected by websocket", ""],
  ["polling,websocket", "connected by", "upgraded to websocket"],
])("%s", async (transports, connected, upgraded) => {
  const page = await visit(transports);
  await page.getByText(connected).waitFor();
  if (upgraded !== "") await page.getByText(upgraded).waitFor();
  realtime.getWebSocketServer().getIO().emit("news", transports);
  await page.getByText(`news ${transports}`, { exact: true }).waitFor();
  expect(await page.getByText("refused").count()).toBe(0);
  expect(await protocols(page)).toEqual(["h2"]);
  await page.close();
});

it("left no error in any console", () => {
  expect(browser.complaints).toEqual([]);
});
