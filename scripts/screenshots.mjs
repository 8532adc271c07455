// `npm run screenshots`: starts the built example, lets its services run for a while, and takes the pictures in docs/screenshots.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { example } from "./lib/example.mjs";
import { choosePort, HOST } from "./lib/ports.mjs";
import { main, root } from "./lib/run.mjs";

const PAGES = ["dashboard", "services", "logs", "monitor", "build", "deploy", "database"];
const FOLDER = `${root}/docs/screenshots`;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 375, height: 760 };
/** The charts show two minutes. */
const WARM_UP = 125_000;

/** Goes to a page, and does what makes it show something. */
async function visit(page, url, name) {
  await page.goto(`${url}/${name === "dashboard" ? "" : name}`);
  await page.locator('.badge[data-state="connected"]').waitFor();
  if (name === "database") {
    await page.getByRole("button", { name: "Run" }).click();
    await page.locator(".rows").waitFor();
  }
  if (name === "logs") await page.locator(".line").nth(20).waitFor();
}

async function prepare(page, url) {
  await page.goto(url);
  await page.screenshot({ path: `${FOLDER}/login.png` });
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("button", { name: "Start all" }).click();
  await page.locator('[data-service="postgres"] [data-status="running"]').waitFor();
  for (const [name, button] of [
    ["build", "Build"],
    ["deploy", "Deploy to local"],
  ]) {
    await visit(page, url, name);
    await page.getByRole("button", { name: button, exact: true }).click();
    await page.locator('.message[data-status="complete"]').waitFor();
  }
  await visit(page, url, "monitor");
  await page.waitForTimeout(WARM_UP);
}

async function screenshots() {
  mkdirSync(FOLDER, { recursive: true });
  const data = mkdtempSync(join(tmpdir(), "nself-admin-screenshots-"));
  const port = await choosePort(3021);
  const { folder, nextBin } = example("nself-admin");
  const server = spawn(process.execPath, [nextBin, "start", "-H", HOST, "-p", String(port)], {
    cwd: folder,
    env: { ...process.env, NSELF_DATA: data, NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise((resolve) => server.once("close", resolve));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const url = `http://${HOST}:${port}`;
    while (!(await fetch(`${url}/login`).catch(() => null))?.ok) await new Promise((next) => setTimeout(next, 100));
    const page = await browser.newPage({ viewport: DESKTOP, colorScheme: "light" });
    await prepare(page, url);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const name of PAGES) {
        await visit(page, url, name);
        await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}.png` });
      }
    }
    await page.setViewportSize(PHONE);
    for (const name of ["dashboard", "logs"]) {
      await visit(page, url, name);
      await page.screenshot({ path: `${FOLDER}/${name}-phone.png` });
    }
  } finally {
    await browser.close();
    server.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

await main(import.meta.url, screenshots);
