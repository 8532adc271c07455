// Compression of WebSocket messages (RFC 7692): what is agreed on, and what then goes over the wire, both ways.

import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { type Socket as ClientSocket, io as connect } from "socket.io-client";
import { afterEach, describe, expect, it } from "vitest";
import { type ClientOptions, WebSocket as StockWebSocket } from "ws";
import { certificate } from "./support/certificate.js";
import { Queue } from "./support/queue.js";
import { closeCode, type Frame, type RawWebSocket, TEXT, upgrade } from "./support/raw-websocket.js";
import { type Options, type RunningServer, startOurs, startServer } from "./support/servers.js";

const TARGET = "/socket.io/?EIO=4&transport=websocket";
const PLAIN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/** 20 kB of JSON, as applications send it. */
const ROWS = Array.from({ length: 200 }, (_, id) => ({
  id,
  name: `service-${id % 7}`,
  state: "running",
  cpu: id / 10,
}));

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Options, setup?: Parameters<typeof startOurs>[1]): Promise<RunningServer> {
  const server = await startOurs(options, setup);
  cleanups.push(() => server.close());
  return server;
}

/** A WebSocket by hand that has joined `/`. */
async function raw(port: number, offer?: string): Promise<{ ws: RawWebSocket; answer: string | undefined }> {
  const headers = offer === undefined ? {} : { "Sec-WebSocket-Extensions": offer };
  const { ws, response } = await upgrade(port, TARGET, { headers });
  if (!ws) throw new Error(`${response.status} ${response.body}`);
  cleanups.push(() => ws.connection.socket.destroy());
  await ws.next("the open packet");
  ws.text("40");
  await ws.next("the answer to CONNECT");
  const found = response.headers.find(([name]) => name.toLowerCase() === "sec-websocket-extensions");
  return { ws, answer: found?.[1] };
}

function inflate(frame: Frame): string {
  const { payload, rsv } = frame;
  if (rsv === 0) return payload.toString();
  expect(rsv).toBe(4);
  const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
  return inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
}

function deflate(text: string | Buffer): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A stock `ws` client that has joined `/`, and its messages from then on. */
async function stock(port: number, options: ClientOptions): Promise<{ ws: StockWebSocket; messages: Queue<string> }> {
  const ws = new StockWebSocket(`ws://127.0.0.1:${port}${TARGET}`, options);
  const messages = new Queue<string>();
  ws.on("message", (data) => messages.push(data.toString()));
  ws.on("error", (error) => messages.end(error.message));
  cleanups.push(() => ws.terminate());
  await messages.next("the open packet");
  ws.send("40");
  await messages.next("the answer to CONNECT");
  return { ws, messages };
}

/** A stock client, connected. */
async function client(port: number, options: Parameters<typeof connect>[1] = {}): Promise<ClientSocket> {
  const socket = connect(`http://127.0.0.1:${port}`, { forceNew: true, transports: ["websocket"], ...options });
  cleanups.push(() => socket.disconnect());
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return socket;
}

describe("what is agreed on", () => {
  it.each([
    ["without the option", undefined, "permessage-deflate", undefined],
    ["with false", false, "permessage-deflate", undefined],
    ["without an offer", true, undefined, undefined],
    ["Chromium's offer", true, "permessage-deflate; client_max_window_bits", PLAIN],
    ["a small window", true, "permessage-deflate; server_max_window_bits=9", `${PLAIN}; server_max_window_bits=9`],
    ["a window that zlib has not", true, "permessage-deflate; server_max_window_bits=8", undefined],
    ["a wrong parameter, and a second offer", true, "permessage-deflate; foo=1, permessage-deflate", PLAIN],
    ["wrong parameters alone", true, "permessage-deflate; client_max_window_bits=99", undefined],
    [
      "windows of the options",
      { serverMaxWindowBits: 11, clientMaxWindowBits: 10 },
      "permessage-deflate; client_max_window_bits",
      `${PLAIN}; server_max_window_bits=11; client_max_window_bits=10`,
    ],
    [
      "a context of the client",
      { clientNoContextTakeover: false },
      "permessage-deflate",
      "permessage-deflate; server_no_context_takeover",
    ],
  ] as Array<[string, Options["perMessageDeflate"], string | undefined, string | undefined]>)(
    "%s",
    async (_, perMessageDeflate, offer, expected) => {
      const server = await start(perMessageDeflate === undefined ? {} : { perMessageDeflate });
      const { ws, answer } = await raw(server.port, offer);
      expect(answer).toBe(expected);
      server.io.emit("rows", ROWS);
      const frame = await ws.next();
      expect(frame.rsv).toBe(expected ? 4 : 0);
      expect(inflate(frame)).toBe(`42${JSON.stringify(["rows", ROWS])}`);
    },
  );

  it("a header that is none is refused, as by ws", async () => {
    for (const kind of ["oracle", "ours"] as const) {
      const server = await startServer(kind, { perMessageDeflate: true });
      cleanups.push(() => server.close());
      const { response } = await upgrade(server.port, TARGET, { headers: { "Sec-WebSocket-Extensions": "a;;b" } });
      expect([response.status, response.body.toString()]).toEqual([
        400,
        "Invalid or unacceptable Sec-WebSocket-Extensions header",
      ]);
    }
  });

  it.each([
    {},
    { threshold: 0 },
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    { serverMaxWindowBits: 12, clientMaxWindowBits: 15 },
    { zlibDeflateOptions: { level: 1 } },
  ])("with a client of ws and %o", async (options) => {
    const server = await start({ perMessageDeflate: options }, (io) => {
      io.on("connection", (socket) => void socket.on("echo", (...args) => void socket.emit("echo", ...args)));
    });
    for (const perMessageDeflate of [true, options, { ...options, threshold: 0 }]) {
      const { ws, messages } = await stock(server.port, { perMessageDeflate });
      expect(ws.extensions).toContain("permessage-deflate");
      const text = JSON.stringify(["echo", ROWS, "é€😀".repeat(500)]);
      for (let i = 0; i < 3; i++) {
        ws.send(`42${text}`);
        expect(await messages.next("the echo")).toBe(`42${text}`);
      }
    }
  });

  it("Chromium takes it", async () => {
    const server = await start({ perMessageDeflate: true, cors: { origin: "*" } }, (io) => {
      io.on("connection", (socket) => void socket.on("echo", (...args) => void socket.emit("echo", ...args)));
    });
    const browser: Browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
    });
    cleanups.push(() => browser.close());
    const page = await browser.newPage();
    const seen = await page.evaluate(
      ([url, text]) =>
        new Promise((resolve, reject) => {
          const ws = new WebSocket(url as string);
          ws.onerror = () => reject(new Error("it is refused"));
          ws.onmessage = ({ data }) => {
            if (data.startsWith("0")) ws.send("40");
            else if (data.startsWith("40")) ws.send(`42${text}`);
            else resolve([ws.extensions, data]);
          };
        }),
      [`ws://127.0.0.1:${server.port}${TARGET}`, JSON.stringify(["echo", ROWS])],
    );
    expect(seen).toEqual([PLAIN, `42${JSON.stringify(["echo", ROWS])}`]);
  });
});

describe("to clients", () => {
  it("an event to many reaches all, compressed for those who agreed, in order with what is small", async () => {
    const server = await start({ perMessageDeflate: true });
    const offers = [
      "permessage-deflate",
      undefined,
      "permessage-deflate; server_max_window_bits=9",
      "permessage-deflate",
    ];
    const all = await Promise.all(offers.map((offer) => raw(server.port, offer)));
    const large = "x".repeat(100_000);
    for (let i = 0; i < 30; i++) {
      server.io.emit("small", i);
      server.io.emit("large", i, large);
      server.io.emit("rows", i, ROWS.slice(0, 20));
    }
    for (const [place, { ws }] of all.entries()) {
      for (let i = 0; i < 30; i++) {
        const frames = [await ws.next(), await ws.next(), await ws.next()];
        expect(frames.map(inflate)).toEqual([
          `42["small",${i}]`,
          `42["large",${i},"${large}"]`,
          `42${JSON.stringify(["rows", i, ROWS.slice(0, 20)])}`,
        ]);
        expect(frames.map(({ rsv }) => rsv)).toEqual(offers[place] ? [0, 4, 4] : [0, 0, 0]);
      }
    }
  });

  it("a room, a socket, an acknowledgement and attachments are compressed", async () => {
    const server = await start({ perMessageDeflate: true }, (io) => {
      io.on("connection", (socket) => {
        socket.join("room");
        socket.on("ask", (callback) => callback(ROWS));
        io.to("room").emit("room", ROWS);
        socket.emit("socket", ROWS, Buffer.alloc(5000, 7), Buffer.alloc(10, 7));
      });
    });
    const { ws } = await raw(server.port, "permessage-deflate");
    const frames = [await ws.next(), await ws.next(), await ws.next(), await ws.next()];
    expect(frames.map(({ rsv, opcode }) => [rsv, opcode])).toEqual([
      [4, 1],
      [4, 1],
      [4, 2],
      [0, 2],
    ]);
    expect(inflate(frames[2]!)).toBe("\x07".repeat(5000));
    ws.text('420["ask"]');
    const ack = await ws.next();
    expect([ack.rsv, inflate(ack)]).toEqual([4, `430${JSON.stringify([ROWS])}`]);
  });

  it("compress(false), a threshold and what does not become smaller", async () => {
    const server = await start({ perMessageDeflate: { threshold: 100 } }, (io) => {
      io.on("connection", (socket) => {
        io.compress(false).emit("plain", ROWS);
        socket.compress(false).emit("plain", ROWS);
        socket.emit("rows", ROWS);
        io.compress(true).emit("rows", "x".repeat(87));
        io.emit("rows", "x".repeat(86));
        io.emit("noise", Buffer.from(Array.from({ length: 300 }, (_, i) => ((i * i * 7919) % 251) ^ (i * 31))));
      });
    });
    const { ws } = await raw(server.port, "permessage-deflate");
    const frames: Frame[] = [];
    for (let i = 0; i < 7; i++) frames.push(await ws.next());
    expect(frames.slice(0, 5).map(({ rsv }) => rsv)).toEqual([0, 0, 4, 4, 0]);
    expect(frames[3]?.payload.length).toBeLessThan(100);
    expect(frames[4]?.payload.length).toBe(99);
  });

  it("compress(false) by polling too", async () => {
    const server = await start({ httpCompression: true });
    const url = `http://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=polling`;
    const open = await (await fetch(url)).text();
    const session = `${url}&sid=${JSON.parse(open.slice(1)).sid}`;
    await fetch(session, { method: "POST", body: "40" });
    await fetch(session);
    const encodings: Array<string | null> = [];
    for (const compress of [true, false, true]) {
      server.io.compress(compress).emit("rows", ROWS);
      const response = await fetch(session);
      encodings.push(response.headers.get("content-encoding"));
      expect(await response.text()).toBe(`42${JSON.stringify(["rows", ROWS])}`);
    }
    expect(encodings).toEqual(["gzip", null, "gzip"]);
  });

  it("a stock client that upgrades gets what was sent before, during and after", async () => {
    const server = await start({ perMessageDeflate: true }, (io) => {
      io.on("connection", (socket) => {
        const timer = setInterval(() => void socket.emit("rows", ++count, ROWS), 1);
        let count = 0;
        socket.on("disconnect", () => clearInterval(timer));
      });
    });
    // It begins to upgrade when told to: by itself it may be through before it is connected.
    const socket = connect(`http://127.0.0.1:${server.port}`, { forceNew: true, upgrade: false });
    cleanups.push(() => socket.disconnect());
    const engine = socket.io.engine;
    const { _probe: probe } = engine as unknown as { _probe(transport: string): void };
    const got: number[] = [];
    await new Promise<void>((resolve) => {
      let upgraded = 0;
      engine.once("upgrade", () => (upgraded = got.length));
      socket.on("rows", (count: number, rows: unknown) => {
        got.push(count);
        expect(rows).toEqual(ROWS);
        if (got.length === 20) probe.call(engine, "websocket");
        if (upgraded > 0 && got.length > upgraded + 50) resolve();
      });
    });
    expect(got).toEqual(got.map((_, i) => i + 1));
  });

  it("who listens to a connection hears packets as they were before, and when they are written", async () => {
    const heard: string[] = [];
    const server = await start({ perMessageDeflate: true });
    const drained = new Promise<void>((resolve) => {
      server.io.on("connection", (socket) => {
        socket.conn.on("packetCreate", ({ data }: { data?: unknown }) => heard.push(String(data)));
        socket.conn.on("drain", () => heard.length === 2 && resolve());
        server.io.emit("rows", ROWS);
        socket.emit("rows", ROWS);
      });
    });
    const { ws } = await raw(server.port, "permessage-deflate");
    const packet = `2${JSON.stringify(["rows", ROWS])}`;
    for (const what of ["for all", "for one"]) {
      const frame = await ws.next(what);
      expect([frame.rsv, inflate(frame)]).toEqual([4, `4${packet}`]);
    }
    await drained;
    expect(heard).toEqual([packet, packet]);
  });

  it("more than may wait is compressed by the shard itself, and costs nobody the connection", async () => {
    const server = await start({ perMessageDeflate: true, maxOutbox: 200_000 } as Options);
    const socket = await client(server.port);
    const got = new Queue<number>();
    socket.on("rows", (count: number) => got.push(count));
    for (let i = 0; i < 200; i++) server.io.emit("rows", i, ROWS);
    for (let i = 0; i < 200; i++) expect(await got.next("an event")).toBe(i);
  });
});

describe("from clients", () => {
  const echo: Parameters<typeof startOurs>[1] = (io) => {
    io.on("connection", (socket) => void socket.on("echo", (...args) => void socket.emit("echo", ...args)));
  };

  it("compressed, in pieces, one byte at a time, with control frames between, and not compressed", async () => {
    const server = await start({ perMessageDeflate: true }, echo);
    const { ws } = await raw(server.port, "permessage-deflate");
    const data = deflate('42["echo","hello, hello, hello"]');
    ws.text(data, { rsv: 4 });
    ws.text('42["echo",1]');
    for (const [i, byte] of data.entries()) {
      ws.send(i === 0 ? TEXT : 0, Buffer.from([byte]), { rsv: i === 0 ? 4 : 0, fin: i === data.length - 1 });
      if (i === 3) ws.send(9, "ping");
    }
    const frames = [await ws.next(), await ws.next(), await ws.next(), await ws.next()];
    const texts = frames.map(({ opcode, payload }) => (opcode === 10 ? "pong" : payload.toString()));
    // A pong may pass what waits.
    expect(texts.filter((text) => text !== "pong")).toEqual([
      '42["echo","hello, hello, hello"]',
      '42["echo",1]',
      '42["echo","hello, hello, hello"]',
    ]);
    expect(texts).toContain("pong");
  });

  it("with a context, if that is allowed", async () => {
    const server = await start({ perMessageDeflate: { clientNoContextTakeover: false } }, echo);
    const { ws, messages } = await stock(server.port, { perMessageDeflate: { threshold: 0 } });
    for (let i = 0; i < 20; i++) {
      ws.send(`42${JSON.stringify(["echo", i, ROWS])}`);
      expect(await messages.next("the echo")).toBe(`42${JSON.stringify(["echo", i, ROWS])}`);
    }
  });

  it.each([
    ["a bomb", deflate(Buffer.alloc(50_000_000, "a")), 4, true, 1009],
    ["no deflated data", Buffer.from([7, 7, 7, 7]), 4, true, 1007],
    ["no text", deflate(Buffer.alloc(100, 0xff)), 4, true, 1007],
    ["no agreement", deflate("2"), 4, false, 1002],
    ["another reserved bit", deflate("2"), 6, true, 1002],
  ])("%s ends one connection", async (_, data, rsv, agreed, code) => {
    const server = await start({ perMessageDeflate: true, maxHttpBufferSize: 100_000 }, echo);
    const other = await raw(server.port, "permessage-deflate");
    const { ws } = await raw(server.port, agreed ? "permessage-deflate" : undefined);
    ws.text(data, { rsv });
    const { frames } = await ws.rest();
    expect(frames.map(closeCode)).toEqual([code]);
    other.ws.text(deflate('42["echo",1]'), { rsv: 4 });
    expect((await other.ws.next()).payload.toString()).toBe('42["echo",1]');
  });
});

describe("every way in", () => {
  it("listen", async () => {
    const { listen } = await import("nself-realtime");
    const server = await listen({ port: 0, host: "127.0.0.1", path: "/socket.io", perMessageDeflate: true });
    cleanups.push(() => server.shutdown());
    const { ws, answer } = await raw(server.port ?? 0, "permessage-deflate; client_max_window_bits");
    server.getIO().emit("rows", ROWS);
    const frame = await ws.next();
    expect([answer, frame.rsv, inflate(frame)]).toEqual([PLAIN, 4, `42${JSON.stringify(["rows", ROWS])}`]);
  });

  it("a piped WebSocket, by TLS", async () => {
    const { Server } = (await import("nself-realtime")) as unknown as { Server: typeof import("socket.io").Server };
    const https = createTlsServer(certificate());
    const io = new Server(https, { perMessageDeflate: true });
    cleanups.push(() => io.close());
    io.on("connection", (socket) => void socket.emit("rows", ROWS));
    await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
    const { port } = https.address() as AddressInfo;
    const socket = connect(`https://127.0.0.1:${port}`, {
      forceNew: true,
      transports: ["websocket"],
      rejectUnauthorized: false,
    });
    cleanups.push(() => socket.disconnect());
    const [rows, engine] = await Promise.all([
      new Promise((resolve) => socket.once("rows", resolve)),
      new Promise<StockWebSocket>((resolve) =>
        socket.once("connect", () => resolve((socket.io.engine.transport as unknown as { ws: StockWebSocket }).ws)),
      ),
    ]);
    expect([rows, engine.extensions]).toEqual([ROWS, "permessage-deflate"]);
  });
});

describe("the option", () => {
  it.each([
    ["perMessageDeflate", 7],
    ["perMessageDeflate.treshold", { treshold: 1 }],
    ["perMessageDeflate.threshold", { threshold: -1 }],
    ["perMessageDeflate.serverMaxWindowBits", { serverMaxWindowBits: 8 }],
    ["perMessageDeflate.clientMaxWindowBits", { clientMaxWindowBits: 16 }],
    ["perMessageDeflate.zlibDeflateOptions.level", { zlibDeflateOptions: { level: 10 } }],
    ["perMessageDeflate.concurrencyLimit", { concurrencyLimit: -1 }],
  ])("names %s where it is wrong", async (name, perMessageDeflate) => {
    await expect(startOurs({ perMessageDeflate } as unknown as Options)).rejects.toThrow(`"${name}"`);
  });
});
