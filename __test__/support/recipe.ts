// A recipe of the documentation as the application that it is: its files in a folder, its routes and its pages on a server of this process.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { bundle } from "./bundle.js";
import { blocksOf, root } from "./documents.js";
import { realtime } from "./nself.js";

type Handler = (request: Request) => Response | Promise<Response>;

export interface Recipe {
  url: string;
  port: number;
  /** Where its files are. */
  folder: string;
  close(): Promise<void>;
}

/** Starts the recipe. `page` is the text of a module that renders: it imports the recipe's files by their paths, such as "/app/page". */
export async function startRecipe(document: string, page: string): Promise<Recipe> {
  // In the package's folder, so that it finds the package by its name.
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache", "recipe-"));
  const blocks = blocksOf(document).filter(({ path }) => path !== undefined);
  for (const { path = "", code } of blocks) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
  // Each by itself, with a copy of what it imports, as Next does.
  const load = async (path: string) => {
    const file = join(folder, path.replace(/\.ts$/, ".mjs"));
    const build = await rolldown({
      input: join(folder, path),
      platform: "node",
      external: /^(?:node:|nself-realtime)/,
    });
    await build.write({ file, format: "esm", codeSplitting: false });
    await build.close();
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, Handler>;
  };
  const routes = new Map<string, Record<string, Handler>>();
  for (const { path = "" } of blocks) {
    const route = /^app(\/api\/.*?)(?:\/\[\[.*)?\/route\.ts$/.exec(path)?.[1];
    if (route) routes.set(route, await load(path));
  }
  const { code } = await bundle(page.replace(/from "(\/[^"]*)"/g, (_, path) => `from "${join(folder, path)}"`));

  const http = createServer((request, response) => {
    void answer(request, response, routes, code).catch((error) => response.destroy(error));
  });
  process.env.NEXT_RUNTIME = "nodejs";
  if (existsSync(join(folder, "instrumentation.ts"))) {
    const { register } = (await load("instrumentation.ts")) as unknown as { register(): Promise<void> };
    await register();
  } else {
    realtime.register();
  }
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    folder,
    close: () => close(http, folder),
  };
}

async function close(http: Server, folder: string): Promise<void> {
  await realtime.getWebSocketServer().shutdown();
  http.closeAllConnections();
  await new Promise((closed) => http.close(closed));
  delete process.env.NEXT_RUNTIME;
  rmSync(folder, { recursive: true, force: true });
}

/** As Next does: a route's handler gets a Request, and its Response is sent. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Map<string, Record<string, Handler>>,
  script: string,
): Promise<void> {
  const url = new URL(request.url ?? "", `http://${request.headers.host}`);
  if (!url.pathname.startsWith("/api/")) {
    const isScript = url.pathname === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    const html =
      '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/page.js"></script>';
    response.end(isScript ? script : html);
    return;
  }
  const handler = routes.get(url.pathname)?.[request.method ?? ""];
  if (!handler) {
    response.writeHead(404).end();
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.entries(request.headers).flatMap(
    ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, String(value)]]),
  );
  const body = chunks.length > 0 ? Buffer.concat(chunks) : null;
  const given = await handler(new Request(url, { method: request.method ?? "GET", headers, body }));
  response.writeHead(given.status, Object.fromEntries(given.headers)).end(Buffer.from(await given.arrayBuffer()));
}
