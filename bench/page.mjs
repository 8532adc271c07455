// `npm run bench:page`: how quick a page of the example stays in Chromium while it shows 500 log lines a second. It judges the longest task
// of the page, which an idle machine keeps below 100 ms.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { build } from "../scripts/build.mjs";
import { example } from "../scripts/lib/example.mjs";
import { choosePort, HOST } from "../scripts/lib/ports.mjs";
import { Failure, main } from "../scripts/lib/run.mjs";
import { pack } from "../scripts/pack.mjs";
import { setup } from "../scripts/setup.mjs";

const RATE = 500;
const MS = 10_000;
const MOST = 100;

/** Runs in the page: the rate of lines, the longest task in ms, and frames a second. */
async function measure(ms) {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: "longtask", buffered: false });
  const last = () => Number(/#(\d+) /.exec(document.querySelector(".line:last-child")?.textContent ?? "")?.[1] ?? 0);
  let frames = 0;
  let going = true;
  const count = () => {
    frames++;
    if (going) requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
  const [from, began] = [last(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, ms));
  going = false;
  const seconds = (performance.now() - began) / 1000;
  tasks.push(...observer.takeRecords().map(({ duration }) => duration));
  observer.disconnect();
  return { rate: (last() - from) / seconds, longest: Math.max(0, ...tasks), frames: frames / seconds };
}

async function answers(url) {
  for (let tries = 0; tries < 300; tries++) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Failure("the example did not start");
}

async function page() {
  await setup();
  await build();
  await pack();
  const app = example("nself-admin");
  await app.install();
  await app.build();
  const port = await choosePort(0);
  const url = `http://${HOST}:${port}`;
  const data = mkdtempSync(join(tmpdir(), "nself-realtime-page-"));
  const server = spawn(process.execPath, [app.nextBin, "start", "-H", HOST, "-p", String(port)], {
    cwd: app.folder,
    env: { ...process.env, NSELF_DATA: data, NSELF_GATEWAY_RATE: String(RATE), NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((resolve) => server.once("close", resolve));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    await answers(`${url}/login`);
    const context = await browser.newContext();
    const { request } = context;
    await request.post(`${url}/api/auth/login`, { data: { user: "admin", password: "nself-demo" } });
    const opened = await context.newPage();
    await opened.goto(`${url}/logs?service=gateway`);
    // The page's own start is not what is measured.
    await opened.waitForLoadState("networkidle");
    await request.post(`${url}/api/services/start`, { data: { service: "gateway" } });
    await opened.locator(".line", { hasText: "#100 " }).waitFor();
    const { rate, longest, frames } = await opened.evaluate(measure, MS);
    console.log(
      `${rate.toFixed(0)} lines and ${frames.toFixed(0)} frames a second, longest task ${longest.toFixed(0)} ms`,
    );
    if (rate < RATE * 0.9 || longest > MOST) throw new Failure(`not quick: ${RATE} lines a second, ${MOST} ms at most`);
  } finally {
    await browser.close();
    server.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

await main(import.meta.url, page);
