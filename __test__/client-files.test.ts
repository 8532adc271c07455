// The files of socket.io-client, on the official socket.io and on ours, and on a port of Rust's.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { runInNewContext } from "node:vm";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { module, onBoth } from "./support/both.js";
import { installation } from "./support/installation.js";
import { realtime, startAttached } from "./support/nself.js";
import { type HttpResponse, header, type RequestOptions, request } from "./support/raw.js";

const { version } = createRequire(import.meta.url)("socket.io-client/package.json") as { version: string };
const etag = `"${version}"`;
const FILES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const original = (name: string) =>
  readFileSync(
    createRequire(import.meta.url)
      .resolve("socket.io-client/package.json")
      .replace("package.json", `dist/${name}`),
  );

function body(response: HttpResponse): Buffer {
  switch (header(response, "content-encoding")) {
    case "br":
      return brotliDecompressSync(response.body);
    case "gzip":
      return gunzipSync(response.body);
    case "deflate":
      return inflateSync(response.body);
    default:
      return response.body;
  }
}

type Get = (path: string, options?: RequestOptions & { method?: string }) => Promise<HttpResponse>;

/** The same for every way to serve. */
function behaves(start: (options?: object) => Promise<{ get: Get; path: string }>): void {
  test.each(FILES.flatMap((name) => [name, `${name}.map`]))("%s", async (name) => {
    const { get, path } = await start();
    const response = await get(`${path}/${name}`);
    expect(response.status).toBe(200);
    const type = name.endsWith(".map") ? "application/json" : "application/javascript";
    expect(header(response, "content-type")).toBe(`${type}; charset=utf-8`);
    expect([header(response, "etag"), header(response, "cache-control")]).toEqual([etag, "public, max-age=0"]);
    expect(header(response, "content-encoding")).toBeUndefined();
    expect(body(response).equals(original(name))).toBe(true);
  });

  test("it is a program", async () => {
    const { get, path } = await start();
    const window = {} as { io?: unknown };
    runInNewContext(body(await get(`${path}/socket.io.js?v=1`)).toString(), {
      window,
      self: window,
      globalThis: window,
    });
    expect(typeof window.io).toBe("function");
  });

  test.each([
    ["br", "br"],
    ["gzip", "gzip"],
    ["deflate", "deflate"],
    ["gzip, deflate, br", "gzip"],
    ["gzip;q=0.5, br;q=1", "br"],
    ["identity", undefined],
    ["br;q=0, *", "gzip"],
  ])("Accept-Encoding: %s", async (accepted, coding) => {
    const { get, path } = await start();
    const response = await get(`${path}/socket.io.min.js`, { headers: { "Accept-Encoding": accepted } });
    expect(header(response, "content-encoding")).toBe(coding);
    expect(body(response).equals(original("socket.io.min.js"))).toBe(true);
  });

  test.each([etag, `W/${etag}`])("304 for If-None-Match: %s", async (known) => {
    const { get, path } = await start();
    const response = await get(`${path}/socket.io.js`, { headers: { "If-None-Match": known } });
    expect([response.status, response.body.length]).toEqual([304, 0]);
    const other = await get(`${path}/socket.io.js`, { headers: { "If-None-Match": '"0.0.0"' } });
    expect(other.status).toBe(200);
  });

  test("CORS is that of the server", async () => {
    const cors = { origin: ["https://a.example"], credentials: true };
    const { get, path } = await start({ cors });
    const headers = { Origin: "https://a.example", "Access-Control-Request-Method": "GET" };
    const response = await get(`${path}/socket.io.js`, { headers });
    expect(header(response, "access-control-allow-origin")).toBe("https://a.example");
    expect(header(response, "access-control-allow-credentials")).toBe("true");
    expect(header(response, "vary")).toContain("Origin");
    const preflight = await get(`${path}/socket.io.js`, { headers, method: "OPTIONS" });
    expect([preflight.status, header(preflight, "access-control-allow-origin")]).toEqual([204, "https://a.example"]);
    const foreign = await get(`${path}/socket.io.js`, { headers: { Origin: "https://b.example" } });
    expect([foreign.status, header(foreign, "access-control-allow-origin")]).toEqual([200, undefined]);
  });

  test("other names are none", async () => {
    const { get, path } = await start();
    for (const name of [
      "socket.io.dev.js",
      "socket.io.msgpack.js",
      "../package.json",
      "socket.io.js/x",
      "%73ocket.io.js",
    ]) {
      expect((await get(`${path}/${name}`)).status).toBeGreaterThanOrEqual(400);
    }
  });
}

onBoth("by an HTTP server", (kind) => {
  const { Server } = module(kind);

  async function start(options = {}) {
    const http: HttpServer = createServer((_, response) => response.writeHead(404).end("application"));
    const io = new Server(http, options);
    undo.push(() => io.close());
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    const get: Get = (path, { method = "GET", ...rest } = {}) => request(port, method, path, rest);
    return { get, path: "/socket.io", port };
  }

  behaves(start);

  test("switched off, they are refused as any request", async () => {
    const { get } = await start({ serveClient: false });
    const response = await get("/socket.io/socket.io.js");
    expect([response.status, response.body.toString()]).toEqual([400, '{"code":0,"message":"Transport unknown"}']);
  });

  test("by another path", async () => {
    const { get } = await start({ path: "/chat" });
    expect((await get("/chat/socket.io.js")).status).toBe(200);
    expect((await get("/socket.io/socket.io.js")).body.toString()).toBe("application");
  });

  test("before the application, whenever it began to listen", async () => {
    const http = createServer();
    const io = new Server(http);
    undo.push(() => io.close());
    http.listen(0);
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    expect((await request(port, "GET", "/socket.io/socket.io.js")).status).toBe(200);
  });
});

describe("by the real-time layer", () => {
  test("off by default: the path below is the application's", async () => {
    const { port, close } = await startAttached();
    undo.push(close);
    expect((await request(port, "GET", "/api/ws/socket.io.js")).body.toString()).toBe("application");
  });

  describe("attached", () => {
    behaves(async (options = {}) => {
      const { port, close } = await startAttached({ serveClient: true, ...options });
      undo.push(close);
      const get: Get = (path, { method = "GET", ...rest } = {}) => request(port, method, path, rest);
      // Everything else below stays the application's; here an answer with another status would hide it.
      const strict: Get = async (path, rest) => {
        const response = await get(path, rest);
        return response.body.toString() === "application" ? { ...response, status: 404 } : response;
      };
      return { get: strict, path: "/api/ws" };
    });
  });

  describe("on a port of Rust's", () => {
    behaves(async (options = {}) => {
      const server = await realtime.listen({ port: 0, host: "127.0.0.1", serveClient: true, ...options });
      undo.push(() => server.shutdown());
      const get: Get = (path, { method = "GET", ...rest } = {}) => request(server.port as number, method, path, rest);
      return { get, path: "/api/ws" };
    });
  });
});

describe("without socket.io-client", () => {
  const PROGRAM = `
    const io = require("nself-realtime")(0);
    const codes = [];
    process.on("warning", ({ code, message }) => codes.push([code, /npm install socket.io-client/.test(message)]));
    io.httpServer.once("listening", async () => {
      const { port } = io.httpServer.address();
      const answers = [];
      for (const name of ["socket.io.js", "socket.io.min.js.map"]) {
        const response = await fetch(\`http://127.0.0.1:\${port}/socket.io/\${name}\`);
        answers.push([response.status, await response.text()]);
      }
      await io.close();
      console.log(JSON.stringify({ answers, codes }));
    });`;

  test.each([
    ["the package", "node_modules/socket.io-client"],
    ["its files alone", undefined],
  ])("%s: 404, one warning that says what to install, and the process ends", (_name, missing) => {
    const app = installation();
    undo.push(() => app.remove());
    if (missing) app.write(missing, null);
    app.write("program.cjs", PROGRAM);
    const { stdout, status } = spawnSync(process.execPath, ["program.cjs"], { cwd: app.folder, encoding: "utf8" });
    const answer = [404, "The client is not installed on this server.\n"];
    expect(JSON.parse(stdout)).toEqual({ answers: [answer, answer], codes: [["NSELF_CLIENT_FILES", true]] });
    expect(status).toBe(0);
  });
});
