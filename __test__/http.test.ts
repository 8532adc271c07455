// The HTTP servers beneath: TLS and Unix sockets through the bridge, IPv6, keep-alive and pipelining, the exact path, and
// the server that the package brings itself (listen).
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http, { createServer } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2, createSecureServer } from "node:http2";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import tls from "node:tls";
import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { LogEntry } from "../ts/server/options/logger.js";
import { certificate } from "./support/certificate.js";
import { within } from "./support/deadline.js";
import {
  type Attached,
  type ClientOptions,
  closeClients,
  collect,
  connected,
  event,
  join,
  MODES,
  realtime,
  settled,
  startAttached,
} from "./support/nself.js";
import {
  dropConnections,
  HttpConnection,
  PollingSession,
  request,
  text,
  upgrade,
  WebSocketSession,
  webSocketTarget,
} from "./support/raw.js";
import * as samples from "./support/samples.js";

const { attach, emitLogStream, getWebSocketServer, listen } = realtime;
const path = "/api/ws/";
const polling = `${path}?EIO=4&transport=polling`;

let running: Attached | undefined;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(joinPath(tmpdir(), "nself-realtime-http-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  closeClients();
  await running?.close();
  running = undefined;
  await getWebSocketServer().shutdown();
});

/** What an application does with a connection, in a few messages, small and large. */
async function exercise(socket: Socket): Promise<void> {
  const io = getWebSocketServer().getIO();
  expect(await join(socket, "logs:api")).toEqual({ ok: true });
  const got = collect(socket, "logs:stream");
  for (let i = 0; i < 100; i++) emitLogStream(samples.log(`${i} ${"x".repeat(i * 20)}`), "logs:api");
  await got.until(100);
  expect(got.events.map(({ data }) => Number.parseInt((data as { line: string }).line, 10))).toEqual(
    Array.from({ length: 100 }, (_, i) => i),
  );
  // More than any buffer in between holds.
  const bulk = event(socket, "bulk");
  const data = "ü".repeat(300_000);
  io.to("logs:api").emit("bulk", data);
  expect((await bulk) === data).toBe(true);
  const binary = event(socket, "binary");
  io.to("logs:api").emit("binary", Buffer.alloc(200_000, 7));
  expect(Buffer.from((await binary) as ArrayBuffer).equals(Buffer.alloc(200_000, 7))).toBe(true);
  await expect(socket.emitWithAck("leave:room", { roomId: "logs:api", padding: "y".repeat(60_000) })).resolves.toEqual({
    ok: true,
  });
}

const { key, cert } = certificate();

describe("https", () => {
  const start = () =>
    startAttached(
      {},
      https.createServer({ key, cert }, (_request, response) => void response.end("application")),
    );

  test.each(Object.entries(MODES))("%s works through TLS", async (_, transports) => {
    running = await start();
    const accepted = new Promise<boolean>((resolve) => {
      running!.server.getIO().on("connection", (socket) => resolve(socket.handshake.secure));
    });
    const socket = await connected(`https://127.0.0.1:${running.port}`, { transports, ca: cert });
    expect(await accepted).toBe(true);
    await exercise(socket);
    const gone = event(socket, "disconnect");
    await running.server.shutdown();
    // A polling client that is between two requests finds nobody at the next.
    expect(await gone).toMatch(/^transport (close|error)$/);
  });

  test("what the client sends with the handshake is not lost, and a page of the same host is let in", async () => {
    running = await start();
    const socket = tls.connect({ port: running.port, host: "127.0.0.1", ca: cert });
    await within("the TLS connection", once(socket, "secureConnect"));
    const lines = [
      `GET ${webSocketTarget({ path })} HTTP/1.1`,
      `Host: 127.0.0.1:${running.port}`,
      `Origin: https://127.0.0.1:${running.port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
    ];
    // The frame is CONNECT, "40", masked with zeros.
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]);
    socket.write(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), frame]));
    let received = "";
    const answer = new Promise<void>((resolve) => {
      socket.setEncoding("latin1").on("data", (chunk: string) => {
        received += chunk;
        if (received.includes('40{"sid":')) resolve();
      });
    });
    await within("the answer to CONNECT", answer);
    expect(received).toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });

  test("a client that vanishes is missed", async () => {
    running = await start();
    const socket = await connected(`https://127.0.0.1:${running.port}`, { ca: cert });
    const { server } = running;
    expect(server.getPresence()).toHaveLength(1);
    (socket.io.engine.transport as unknown as { ws: { terminate(): void } }).ws.terminate();
    await vi.waitFor(() => expect(server.stats()).toMatchObject({ sockets: 0, connections: { websocket: 0 } }));
  });
});

describe.skipIf(process.platform === "win32")("a Unix socket", () => {
  test.each(Object.entries(MODES))("%s works through it", async (_, transports) => {
    const server = createServer((_request, response) => void response.end("application"));
    attach(server);
    const socketPath = joinPath(folder, `http-${transports.join("-")}.sock`);
    server.listen(socketPath);
    await once(server, "listening");
    const agent = new http.Agent();
    agent.createConnection = () => net.connect(socketPath);
    const options = { transports, agent } as unknown as ClientOptions;
    const socket = await connected("http://localhost", options);
    await exercise(socket);
    const gone = event(socket, "disconnect");
    await getWebSocketServer().shutdown();
    // A polling client that is between two requests finds nobody at the next.
    expect(await gone).toMatch(/^transport (close|error)$/);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("HTTP/2 with allowHTTP1", () => {
  let session: ClientHttp2Session | undefined;
  afterEach(() => session?.destroy());

  /** One request of a browser's, which names the host in `:authority` alone. */
  function ask(method: string, target: string, Origin: string, body = ""): Promise<{ status: number; text: string }> {
    const stream = session!.request({ ":method": method, ":path": target, origin: Origin });
    stream.setEncoding("utf8");
    const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
      let [status, received] = [0, ""];
      stream.on("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.on("data", (chunk: string) => {
        received += chunk;
      });
      stream.on("end", () => resolve({ status, text: received }));
      stream.on("error", reject);
    });
    if (method === "POST") stream.end(body);
    return within(`the answer to ${method} ${target}`, answer);
  }

  test("pages of the own host are served, others are not, and WebSockets come by HTTP/1.1", async () => {
    const server = createSecureServer({ key, cert, allowHTTP1: true }, (_request, response) => {
      response.end("application");
    });
    running = await startAttached({}, server as unknown as http.Server, "localhost");
    const url = `https://localhost:${running.port}`;
    session = connectHttp2(url, { ca: cert });
    expect((await ask("GET", polling, "https://evil.example")).status).toBe(403);
    const opened = await ask("GET", polling, url);
    expect([opened.status, opened.text]).toEqual([200, expect.stringMatching(/^0\{"sid":/)]);
    const { sid } = JSON.parse(opened.text.slice(1)) as { sid: string };
    const target = `${polling}&sid=${sid}`;
    expect(await ask("POST", target, url, "40")).toEqual({ status: 200, text: "ok" });
    expect((await ask("GET", target, url)).text).toMatch(/^40\{"sid":/);
    const pending = ask("GET", target, url);
    running.server.broadcast("news", 1);
    expect((await pending).text).toMatch(/^42\["news",/);
    expect((await ask("GET", "/elsewhere", url)).text).toBe("application");
    await exercise(await connected(url, { ca: cert, extraHeaders: { origin: url } }));
    const last = ask("GET", target, url);
    await running.server.shutdown();
    // Unknown by then, if it was still on its way.
    expect([200, 400, 503]).toContain((await last).status);
  });
});

describe("clients of other versions", () => {
  test.each([
    ["EIO=3", /socket\.io-client 1 or 2/],
    ["EIO=2", /socket\.io-client 0\.9 or older/],
  ])("%s: the log says which client is too old", async (eio, expected) => {
    const entries: LogEntry[] = [];
    running = await startAttached({ logger: (entry) => void entries.push(entry) });
    const refused = await request(running.port, "GET", `${path}?${eio}&transport=polling`);
    expect([refused.status, text(refused)]).toEqual([400, '{"code":5,"message":"Unsupported protocol version"}']);
    const done = await upgrade(running.port, `${path}?${eio}&transport=websocket`);
    expect(done.response.status).toBe(400);
    await vi.waitFor(() => expect(entries).toHaveLength(2));
    for (const { level, message, fields } of entries) {
      expect([level, message, fields.client]).toEqual([
        "warn",
        expect.stringContaining("too old"),
        expect.stringMatching(expected),
      ]);
    }
  });
});

describe.each(["attach", "listen"])("a request below the path, by %s without an application", (way) => {
  test("is answered", async () => {
    const server = createServer();
    const base = "/api/ws";
    let port = 0;
    if (way === "listen") port = (await listen({ port: 0, host: "127.0.0.1" })).port!;
    else {
      attach(server);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      port = (server.address() as net.AddressInfo).port;
    }
    for (const target of ["/socket.io.js", "/x", "/x/?EIO=4&transport=polling", "//"]) {
      const { status } = await request(port, "GET", `${base}${target}`);
      expect([target, status]).toEqual([target, 404]);
      const done = await upgrade(port, `${base}${target}`);
      expect([target, done.response.status]).toEqual([target, 404]);
    }
    dropConnections(port);
    server.close();
  });
});

test("a request below the path of a Server is the server's", async () => {
  const server = createServer();
  const io = new realtime.Server(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  for (const [target, plain, upgraded] of [
    ["/socket.io.js", 200, 400],
    ["/x", 400, 400],
    ["/x/?EIO=4&transport=polling", 200, 101],
    ["//", 400, 400],
  ] as const) {
    const { status } = await request(port, "GET", `/socket.io${target}`);
    const done = await upgrade(port, `/socket.io${target}`);
    done.connection.destroy();
    expect([target, status, done.response.status]).toEqual([target, plain, upgraded]);
  }
  dropConnections(port);
  await io.close();
});

describe("IPv6", () => {
  test.each(Object.entries(MODES))("%s on ::1, attached", async (_, transports) => {
    running = await startAttached({}, undefined, "::1");
    await exercise(await connected(`http://[::1]:${running.port}`, { transports }));
  });

  test.each(Object.entries(MODES))("%s on ::1, in listen mode", async (_, transports) => {
    const server = await listen({ port: 0, host: "::1" });
    let address: string | undefined;
    server.getIO().on("connection", (socket) => {
      address = socket.handshake.address;
    });
    await exercise(await connected(`http://[::1]:${server.port}`, { transports }));
    expect(address).toBe("::1");
  });

  test.each(["127.0.0.1", "[::1]"])("listen without a host answers at %s, as Node does", async (host) => {
    const server = await listen({ port: 0 });
    const addresses: string[] = [];
    server.getIO().on("connection", (socket) => void addresses.push(socket.handshake.address));
    const socket = await connected(`http://${host}:${server.port}`);
    await settled(socket);
    expect(addresses).toEqual([host.replace(/[[\]]/g, "")]);
    await expect(listen({ port: server.port! })).rejects.toMatchObject({ code: "ERR_ALREADY_ATTACHED" });
  });

  test("a port that is taken is told, with and without a host", async () => {
    const taken = net.createServer().listen(0);
    await once(taken, "listening");
    const { port } = taken.address() as net.AddressInfo;
    for (const host of [undefined, "0.0.0.0", "::"]) {
      const refused = listen({ port, ...(host && { host }) });
      await expect(refused).rejects.toMatchObject({ code: "ERR_LISTEN", message: expect.stringContaining(`${port}`) });
    }
    await new Promise((resolve) => taken.close(resolve));
  });

  test("the page of an IPv6 host is its own origin", async () => {
    running = await startAttached({}, undefined, "::1");
    const { port } = running;
    const extraHeaders = { origin: `http://[::1]:${port}` };
    await connected(`http://[::1]:${port}`, { extraHeaders });
  });
});

/** The two kinds of HTTP server: Node's, and the package's own. */
const KINDS: Array<[string, () => Promise<number>]> = [
  [
    "attached",
    async () => {
      running = await startAttached();
      return running.port;
    },
  ],
  ["in listen mode", async () => (await listen({ port: 0, host: "127.0.0.1" })).port!],
];

describe.each(KINDS)("HTTP %s", (kind, start) => {
  const application = kind === "attached";
  let port: number;
  const opened = async () => {
    port = await start();
    return port;
  };
  afterEach(() => dropConnections(port));

  test("a session over one connection that is kept alive", async () => {
    const connection = await HttpConnection.open(await opened());
    const ask = async (method: string, target: string, body?: string) => {
      connection.head(method, target, body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) });
      if (body !== undefined) connection.write(body);
      return text(await connection.response(`${method} ${target}`));
    };
    const { sid } = JSON.parse((await ask("GET", polling)).slice(1));
    const target = `${polling}&sid=${sid}`;
    expect(await ask("POST", target, "40")).toBe("ok");
    expect(await ask("GET", target)).toMatch(/^40\{"sid":/);
    for (let i = 0; i < 20; i++) {
      expect(await ask("POST", target, `42${i}["join:room",{"roomId":"room-${i}"}]`)).toBe("ok");
      expect(await ask("GET", target)).toContain(`43${i}[{"ok":true}]`);
    }
    // And something else on the same connection.
    const other = await ask("GET", "/elsewhere");
    expect(other).toBe(application ? "application" : "This server answers at /api/ws only.\n");
    expect(connection.socket.destroyed).toBe(false);
  });

  test("pipelined requests are answered in their order, though the first has to wait", async () => {
    const session = await PollingSession.open(await opened(), { path });
    await session.join();
    const connection = await HttpConnection.open(port);
    connection.socket.cork();
    connection.head("GET", session.target);
    connection.head("GET", "/elsewhere");
    connection.head("GET", polling);
    connection.socket.uncork();
    // Only this makes the first answer possible.
    expect(text(await session.post('42["heartbeat"]'))).toBe("ok");
    expect(text(await connection.response("the poll"))).toMatch(/^42\["pong",/);
    const second = await connection.response("the second");
    expect(second.status).toBe(application ? 200 : 404);
    expect(text(await connection.response("the third"))).toMatch(/^0\{"sid":/);
  });

  test("a WebSocket handshake pipelined behind a request, its first frames with it", async () => {
    await opened();
    const connection = await HttpConnection.open(port);
    connection.socket.cork();
    connection.head("GET", polling);
    connection.head("GET", webSocketTarget({ path }), {
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version": "13",
    });
    connection.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]));
    connection.socket.uncork();
    expect(text(await connection.response("the polling handshake"))).toMatch(/^0\{"sid":/);
    expect((await connection.response("the upgrade")).status).toBe(101);
    let received = "";
    await within(
      "the answer to CONNECT",
      new Promise<void>((resolve) => {
        connection.takeOver((chunk) => {
          received += chunk.toString("latin1");
          if (received.includes('40{"sid":')) resolve();
        });
      }),
    );
  });

  test("the exact path only, with and without its slash", async () => {
    await opened();
    const query = "?EIO=4&transport=polling";
    for (const target of ["/api/ws", "/api/ws/"]) expect((await request(port, "GET", target + query)).status).toBe(200);
    for (const target of ["/api/ws/x", "/api/ws//", "/api/wsx", "/api", "/", "/API/WS", "/api/ws%2f", "/x/api/ws/"]) {
      const response = await request(port, "GET", target + query);
      expect([target, response.status]).toEqual([target, application ? 200 : 404]);
      if (application) expect(text(response)).toBe("application");
    }
    if (!application) {
      const foreign = await upgrade(port, "/elsewhere?EIO=4&transport=websocket");
      expect(foreign.response.status).toBe(404);
      expect(getWebSocketServer().stats()).toMatchObject({ connections: { websocket: 0 } });
    }
  });

  test("refused upgrades leave nothing", async () => {
    await opened();
    const target = webSocketTarget({ path });
    const refused: Array<[number, string, Parameters<typeof upgrade>[2]]> = [
      [400, `${path}?EIO=3&transport=websocket`, {}],
      [400, `${path}?EIO=4&transport=carrier-pigeon`, {}],
      [400, `${path}?EIO=4&transport=websocket&sid=unknown`, {}],
      [400, target, { headers: { "Sec-WebSocket-Key": "short" } }],
      [400, target, { headers: { "Sec-WebSocket-Key": undefined } }],
      [400, target, { headers: { "Sec-WebSocket-Version": "12" } }],
      [400, target, { headers: { Upgrade: "carrier-pigeon" } }],
      [400, target, { method: "POST" }],
    ];
    for (const [status, url, options] of refused) {
      const { response, connection } = await upgrade(port, url, options);
      expect([url, options, response.status]).toEqual([url, options, status]);
      await connection.closed(`the end after the refusal of ${url}`);
    }
    expect(getWebSocketServer().stats()).toMatchObject({ connections: { websocket: 0, polling: 0 }, sockets: 0 });
    const session = await WebSocketSession.open(port, { path });
    expect(await session.join()).toMatch(/^40/);
  });

  test("a POST that is too large is answered 413, counted and claimed alike", async () => {
    const session = await PollingSession.open(await opened(), { path });
    await session.join();
    const limit = 65_536;
    const claimed = await HttpConnection.open(port);
    claimed.head("POST", session.target, { "Content-Length": String(limit + 1) });
    claimed.write("4".repeat(limit + 1));
    expect((await claimed.response("413 for a large body")).status).toBe(413);

    const fresh = await PollingSession.open(port, { path });
    await fresh.join();
    const chunked = await HttpConnection.open(port);
    chunked.head("POST", fresh.target, { "Transfer-Encoding": "chunked" });
    const chunk = `4000\r\n${"4".repeat(0x4000)}\r\n`;
    for (let i = 0; i < 5; i++) chunked.write(chunk);
    expect((await chunked.response("413 in the middle of a body")).status).toBe(413);
    expect(getWebSocketServer().getPresence().length).toBeLessThanOrEqual(2);
  });

  test("a poll that its client gives up ends the session, and nothing else", async () => {
    const session = await PollingSession.open(await opened(), { path });
    await session.join();
    const other = await PollingSession.open(port, { path });
    await other.join();
    const connection = await HttpConnection.open(port);
    connection.head("GET", session.target);
    // The server has it: what came later is answered.
    for (let i = 0; i < 3; i++) await request(port, "GET", "/elsewhere");
    connection.reset();
    const server = getWebSocketServer();
    await vi.waitFor(() => expect(server.stats()).toMatchObject({ sockets: 1, connections: { polling: 1 } }));
    const late = await session.get();
    expect([late.status, JSON.parse(text(late))]).toEqual([400, { code: 1, message: "Session ID unknown" }]);
    await other.post('42["heartbeat"]');
    expect((await other.packets(1))[0]).toMatch(/^42\["pong",/);
  });
});

test("listen mode: an upgraded session, refused methods, and a body that never ends", async () => {
  const server = await listen({ port: 0, host: "127.0.0.1" });
  const port = server.port!;
  const socket = await connected(port, { transports: ["polling", "websocket"] });
  // The client knows of its upgrade first.
  await settled(socket);
  expect(server.stats()).toMatchObject({ connections: { polling: 0, websocket: 1 } });
  await exercise(socket);
  const put = await request(port, "PUT", polling);
  expect([put.status, JSON.parse(text(put))]).toEqual([400, { code: 2, message: "Bad handshake method" }]);
  const stuck = await HttpConnection.open(port);
  stuck.head("POST", polling, { "Content-Length": "10" });
  stuck.write("40");
  const answered = await stuck.response("the refusal, without waiting for the body");
  expect(answered.status).toBe(400);
  // A stuck client does not hold up the shutdown.
  const slow = await PollingSession.open(port, { path });
  const connection = await HttpConnection.open(port);
  connection.head("POST", slow.target, { "Content-Length": "10" });
  connection.write("40");
  await server.shutdown();
});

test.each(["attach", "listen"])("%s: Upgrade without Connection is a plain request, and no WebSocket", async (mode) => {
  running = mode === "attach" ? await startAttached() : undefined;
  const port = running?.port ?? (await listen({ port: 0, host: "127.0.0.1" })).port!;
  for (const Connection of [undefined, "keep-alive", "upgrade-insecure"]) {
    const done = await upgrade(port, webSocketTarget({ path }), { headers: { Connection } });
    expect([Connection, done.response.status, text(done.response)]).toEqual([
      Connection,
      400,
      '{"code":3,"message":"Bad request"}',
    ]);
    done.connection.destroy();
  }
  const done = await upgrade(port, webSocketTarget({ path }), { headers: { Connection: "keep-alive, UPGRADE" } });
  expect(done.response.status).toBe(101);
});
