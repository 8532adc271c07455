// `npm run picture`: the animated picture of README. Two real servers, socket.io and this one, each in a process whose JavaScript thread
// is blocked for 10 s, and six stock clients of each in Chromium. `-- --frames FOLDER` also writes some frames as PNG, to look at.

import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapse } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { build } from "./build.mjs";
import { Failure, main, root, step } from "./lib/run.mjs";

const PICTURE = `${root}/docs/screenshots/blocked-thread.gif`;
/** In ms. With the defaults, 45 s and more, the picture would be a long one. */
const HEARTBEAT = { pingInterval: 1000, pingTimeout: 4000 };
const BEFORE = 3000;
const BLOCKED = 10_000;
const AFTER = 4000;
const FRAME = 100;
/** How long the end stays. */
const REST = 4000;
const MOST_BYTES = 1_500_000;
const FILES = {
  "/": `${root}/scripts/picture/page.html`,
  "/encoder": `${root}/scripts/picture/encoder.html`,
  "/client.js": `${root}/node_modules/socket.io-client/dist/socket.io.min.js`,
  "/gifenc.js": `${root}/node_modules/gifenc/dist/gifenc.esm.js`,
};

/** Serves the pages; gives their address and what closes it. */
async function servePages() {
  const http = createServer((request, response) => {
    const file = FILES[request.url];
    if (!file) return response.writeHead(404).end();
    response.setHeader("content-type", file.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8");
    response.end(readFileSync(file));
  });
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${http.address().port}`, close: () => http.close() };
}

/** Starts the server program of the tests in a mode: "attach" or "socket.io". */
async function startServer(mode, origin) {
  const child = fork(
    `${root}/__test__/fixtures/server.mjs`,
    [mode, JSON.stringify({ ...HEARTBEAT, cors: { origin } })],
    { stdio: ["ignore", "pipe", "inherit", "ipc"] },
  );
  const { port } = await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", () => reject(new Failure(`the ${mode} server did not start`)));
  });
  const block = (until) => {
    child.send({ command: "block", until });
    return new Promise((blocked) => child.stdout.once("data", blocked));
  };
  return { url: `http://127.0.0.1:${port}`, block, end: () => child.kill("SIGKILL") };
}

/** What happens, as it happens. */
async function record(page, servers) {
  const folder = mkdtempSync(join(tmpdir(), "nself-realtime-picture-"));
  try {
    await page.evaluate((url) => globalThis.connect("theirs", url, "/socket.io"), servers[0].url);
    await page.evaluate((url) => globalThis.connect("ours", url, "/api/ws"), servers[1].url);
    await elapse(1000);
    await page.evaluate(() => globalThis.begin());
    await elapse(BEFORE);
    const over = join(folder, "over");
    await Promise.all(servers.map((server) => server.block(over)));
    await page.evaluate(() => globalThis.mark());
    await elapse(BLOCKED);
    writeFileSync(over, "");
    await page.evaluate(() => globalThis.mark());
    await elapse(AFTER);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { version } = JSON.parse(readFileSync(`${root}/node_modules/socket.io/package.json`, "utf8"));
  const [every, within] = [HEARTBEAT.pingInterval / 1000, HEARTBEAT.pingTimeout / 1000];
  return page.evaluate(
    (text) => globalThis.end(text),
    `Each mark is a heartbeat: one every ${every} s, timeout ${within} s, on both. socket.io ${version}; clients: socket.io-client in Chromium.`,
  );
}

/** The picture must show what README says of it. */
function check({ theirs, ours }) {
  const lost = (side) => side.filter(({ what }) => what === "disconnect").length;
  if (lost(theirs) !== 6 || lost(ours) !== 0) {
    throw new Failure(
      `socket.io lost ${lost(theirs)} of 6 clients, this server ${lost(ours)}: not what is to be shown`,
    );
  }
}

async function picture() {
  const { values } = parseArgs({ options: { frames: { type: "string" } } });
  await build();
  const pages = await servePages();
  const servers = [];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    for (const mode of ["socket.io", "attach"]) servers.push(await startServer(mode, pages.url));
    const page = await browser.newPage({ viewport: { width: 840, height: 400 }, deviceScaleFactor: 2 });
    // A busy machine takes its time with a screenshot.
    page.setDefaultTimeout(120_000);
    await page.goto(pages.url);
    step("recording");
    const recorded = await record(page, servers);
    check(recorded);
    step("drawing");
    const encoder = await browser.newPage();
    await encoder.goto(`${pages.url}/encoder`);
    await encoder.waitForFunction(() => globalThis.ready);
    const frame = async (time) => {
      await page.evaluate((at) => globalThis.draw(at), time);
      return page.locator("main").screenshot({ omitBackground: false });
    };
    const [from] = recorded.blocked;
    const looked = [0, from + 2000, from + 7000, from + BLOCKED - 100, recorded.length];
    const shown = [];
    for (const time of looked) shown.push(await frame(time));
    if (values.frames) {
      mkdirSync(values.frames, { recursive: true });
      for (const [index, png] of shown.entries()) writeFileSync(join(values.frames, `${index}.png`), png);
    }
    await encoder.evaluate(
      (pngs) => globalThis.choose(...pngs),
      shown.map((png) => png.toString("base64")),
    );
    // The end comes first, and stays for a while: where pictures do not move, it is what is seen.
    await encoder.evaluate(([png, delay]) => globalThis.add(png, delay), [shown.at(-1).toString("base64"), REST]);
    for (let time = 0; time <= recorded.length; time += FRAME) {
      const png = (await frame(time)).toString("base64");
      await encoder.evaluate(([data, delay]) => globalThis.add(data, delay), [png, FRAME]);
    }
    const gif = Buffer.from(await encoder.evaluate(() => globalThis.finish()), "base64");
    if (gif.length > MOST_BYTES) throw new Failure(`the picture has ${gif.length} bytes, more than ${MOST_BYTES}`);
    writeFileSync(PICTURE, gif);
    step(`${PICTURE}: ${Math.round(gif.length / 1024)} KiB`);
  } finally {
    await browser.close();
    for (const server of servers) server.end();
    pages.close();
  }
}

await main(import.meta.url, picture);
