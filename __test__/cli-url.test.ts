// `nself-realtime doctor --url`: a server by itself, and behind proxies that break one thing each.

import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { endChildren, start } from "./support/child.js";
import { type Installation, installation } from "./support/installation.js";
import { type Attached, type realtime, startAttached } from "./support/nself.js";

vi.setConfig({ testTimeout: 60_000 });

let app: Installation | undefined;
let running: Attached | undefined;
const proxies: Server[] = [];
afterEach(async () => {
  endChildren();
  for (const proxy of proxies.splice(0)) {
    proxy.closeAllConnections();
    proxy.close();
  }
  await running?.close();
  running = undefined;
  app?.remove();
  app = undefined;
});

async function serve(options: Parameters<typeof realtime.attach>[1] = {}): Promise<string> {
  running = await startAttached(options);
  return `http://127.0.0.1:${running.port}`;
}

interface Broken {
  /** Answers a request itself; true if it did. */
  answer?(request: IncomingMessage, response: ServerResponse): boolean;
  /** Whether WebSockets pass. Default: as they should. */
  upgrade?: "as a plain request" | "cut";
  /** The Host that it passes on. Default: the client's. */
  host?: string;
}

/** A proxy before a port. */
async function behind(target: string, { answer, upgrade, host }: Broken): Promise<string> {
  const to = (request: IncomingMessage) => ({
    port: new URL(target).port,
    host: "127.0.0.1",
    method: request.method,
    path: request.url,
    headers: { ...request.headers, ...(host && { host }) },
  });
  const proxy = createServer((request, response) => {
    if (answer?.(request, response)) return;
    // As a proxy does with what concerns one connection alone.
    for (const name of ["connection", "upgrade"]) delete request.headers[name];
    const forwarded = httpRequest(to(request), (given) => {
      response.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  });
  if (upgrade !== "as a plain request") {
    proxy.on("upgrade", (request, socket, head) => {
      socket.on("error", () => {});
      if (upgrade === "cut") return socket.destroy();
      const forwarded = httpRequest(to(request));
      forwarded.once("upgrade", (given, other, rest) => {
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\n${Object.entries(given.headers)
            .map(([name, value]) => `${name}: ${value}`)
            .join("\r\n")}\r\n\r\n`,
        );
        socket.write(rest);
        other.write(head);
        other
          .on("error", () => socket.destroy())
          .pipe(socket)
          .pipe(other);
      });
      forwarded.once("response", (given) => {
        socket.end(`HTTP/1.1 ${given.statusCode} No\r\nConnection: close\r\n\r\n`);
      });
      forwarded.on("error", () => socket.destroy());
      forwarded.end();
    });
  }
  proxies.push(proxy);
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

interface Check {
  name: string;
  status: string;
  found: string;
  mend?: string;
}

/** What the doctor says of a URL, by its checks' names. */
async function ask(url: string, ...args: string[]): Promise<{ code: number | null; checks: Record<string, Check> }> {
  app ??= installation();
  const child = start(app.command, ["doctor", "--url", url, "--json", ...args], { cwd: app.folder });
  const { code } = await child.ended(50_000);
  const lines: string[] = [];
  for (;;) {
    try {
      lines.push(await child.lines.next("a line"));
    } catch {
      break;
    }
  }
  const { checks } = JSON.parse(lines.join("\n")) as { checks: Check[] };
  return { code, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

const good = { status: "ok", found: "connects" };

test("a server by itself connects by every way, and holds a quiet connection", async () => {
  const { code, checks } = await ask(await serve({ pingInterval: 300 }), "--idle");
  expect(code).toBe(0);
  expect(checks).toMatchObject({
    "long-polling": good,
    WebSocket: good,
    upgrade: good,
    "quiet connection": { status: "ok", found: expect.stringContaining("0.3 s") },
  });
});

test("a proxy that breaks nothing is not in the way; neither is a path of one's own, nor a ws:// URL", async () => {
  const proxy = await behind(await serve({ path: "/live" }), {});
  const { code, checks } = await ask(proxy.replace("http", "ws"), "--path", "live/");
  expect(code).toBe(0);
  expect(checks).toMatchObject({ "long-polling": good, WebSocket: good, upgrade: good });
});

test("authenticate that refuses is no fault of what is in between", async () => {
  const { code, checks } = await ask(await serve({ authenticate: () => null }));
  expect(code).toBe(0);
  for (const check of Object.values(checks)) {
    expect(check).toMatchObject({
      status: "ok",
      found: expect.stringMatching(/works; the application refuses .*unauthorized/i),
    });
  }
});

test("what the server's options leave out is a note", async () => {
  const { code, checks } = await ask(await serve({ transports: ["websocket"] }));
  expect(code).toBe(0);
  expect(checks).toMatchObject({ "long-polling": { status: "note" }, WebSocket: good });
});

const html = (status: number, headers: Record<string, string> = {}): Broken => ({
  upgrade: "as a plain request",
  answer: (_request, response) => {
    response.writeHead(status, { server: "nginx/1.29", ...headers }).end("<html></html>");
    return true;
  },
});

test.each<[string, Broken, string, RegExp, RegExp]>([
  [
    "drops Upgrade",
    { upgrade: "as a plain request" },
    "WebSocket",
    /^400.*arrived as a plain request/,
    /proxy_http_version 1\.1/,
  ],
  ["cuts WebSockets", { upgrade: "cut" }, "WebSocket", /ECONNRESET/, /cut without an answer/],
  ["changes Host", { host: "app.internal" }, "long-polling", /^403.*Origin not allowed/, /must pass Host on/],
  ["answers itself", html(404), "long-polling", /^404 \(nginx\/1\.29\): another server/, /is \/api\/ws the path/],
  [
    "serves a page for everything",
    html(200),
    "WebSocket",
    /^200 .*another server/,
    /does the server run in that process/,
  ],
  ["cannot reach it", html(502), "upgrade", /^502 \(nginx/, /does not reach the application/],
  [
    "wants a login",
    html(302, { location: "https://login.example/?next=x" }),
    "long-polling",
    /redirects to https:\/\/login/,
    /let \/api\/ws pass/,
  ],
  [
    "is Next without a server",
    html(308, { location: "/api/ws?EIO=4&transport=polling" }),
    "long-polling",
    /redirects to \/api\/ws/,
    /Next does, where no server runs/,
  ],
  ["asks for a password", html(401), "WebSocket", /^401 .*refused before/, /pass without a login/],
  [
    "spreads one client over processes",
    {
      answer: (request, response) => {
        if (!request.url?.includes("sid=")) return false;
        response
          .writeHead(400, { "content-type": "application/json" })
          .end('{"code":1,"message":"Session ID unknown"}');
        return true;
      },
    },
    "long-polling",
    /session is not known/,
    /sticky sessions/,
  ],
])("a proxy that %s", async (_, broken, name, found, mend) => {
  const { code, checks } = await ask(await behind(await serve(), broken));
  expect(code).toBe(1);
  expect(checks[name]).toMatchObject({
    status: "problem",
    found: expect.stringMatching(found),
    mend: expect.stringMatching(mend),
  });
  // Long-polling works where only WebSockets do not.
  if (broken.upgrade && !broken.answer) expect(checks["long-polling"]).toMatchObject(good);
});

test("nothing that listens, and a name that is none", async () => {
  const url = await behind("http://127.0.0.1:1", {});
  const closed = proxies.splice(0);
  for (const proxy of closed) {
    proxy.close();
    await once(proxy, "close");
  }
  const { code, checks } = await ask(url);
  expect(code).toBe(1);
  expect(checks["long-polling"]).toMatchObject({
    found: expect.stringContaining("ECONNREFUSED"),
    mend: expect.stringContaining("nothing listens"),
  });
  expect((await ask(url.replace("http", "https"))).checks.WebSocket).toMatchObject({ status: "problem" });
});

test("a port that speaks no TLS", async () => {
  const { checks } = await ask((await serve()).replace("http", "https"));
  expect(checks.WebSocket).toMatchObject({ status: "problem", mend: expect.stringContaining("does not speak TLS") });
});
