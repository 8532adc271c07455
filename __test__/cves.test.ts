// What broke other servers of this kind: each of their advisories, tried on ours.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Server, Socket } from "socket.io";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  CLOSE,
  CONTINUATION,
  elapse,
  encodeFrame,
  HttpConnection,
  PollingSession,
  Queue,
  request,
  TEXT,
  text,
  upgrade,
  upgradeHeaders,
  WebSocketSession,
  webSocketTarget,
  within,
} from "./support/raw.js";
import { type Options, oracleOnly, type RunningServer, startOracle, startOurs } from "./support/servers.js";

vi.setConfig({ testTimeout: 30_000 });

const start = oracleOnly ? startOracle : startOurs;
const defaults: Options = { pingInterval: 25_000, pingTimeout: 20_000 };
const polling = "/socket.io/?EIO=4&transport=polling";

let server: RunningServer;
let sockets: Queue<Socket>;
let reasons: string[];

function setup(io: Server): void {
  io.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("disconnect", (reason) => reasons.push(reason));
  });
}

async function restart(options: Options, more?: (io: Server) => void): Promise<void> {
  await server.close();
  server = await start({ ...defaults, ...options }, (io) => {
    more?.(io);
    setup(io);
  });
}

beforeEach(async () => {
  sockets = new Queue();
  reasons = [];
  server = await start(defaults, setup);
});

afterEach(() => server.close());

async function joined(): Promise<WebSocketSession> {
  const session = await WebSocketSession.open(server.port);
  await session.join();
  return session;
}

async function joinedPolling(): Promise<PollingSession> {
  const session = await PollingSession.open(server.port);
  await session.join();
  return session;
}

/** A client that did no harm is still served, and so is a new one. */
async function serves(bystander?: WebSocketSession): Promise<void> {
  for (const session of [bystander ?? (await joined()), await joined()]) {
    session.send('42["echo","still here"]');
    expect(await session.text()).toBe('42["echo","still here"]');
  }
}

async function isClosed(session: WebSocketSession): Promise<void> {
  const { frames } = await session.ws.rest();
  expect(frames.filter((frame) => frame.opcode !== CLOSE)).toEqual([]);
}

describe("CVE-2020-36048: bodies of 100 MB are buffered", () => {
  test("413 comes long before the end of the body, and the session goes on", async () => {
    const session = await joinedPolling();
    const connection = await HttpConnection.open(server.port);
    connection.head("POST", session.target, { "Content-Length": "100000000" });
    const answer = connection.response();
    let status = 0;
    void answer.then((response) => {
      status = response.status;
    });
    const piece = Buffer.alloc(65_536, "x");
    let sent = 0;
    for (; sent < 100_000_000 && status === 0; sent += piece.length) {
      if (!connection.socket.write(piece)) {
        await within("the server to read", new Promise((resolve) => connection.socket.once("drain", resolve)));
      } else await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await answer).status).toBe(413);
    expect(sent).toBeLessThan(30_000_000);
    connection.destroy();
    await session.post('42["echo","alive"]');
    expect(await session.packets(1)).toEqual(['42["echo","alive"]']);
  });

  test("only one POST of a session is in flight", async () => {
    const session = await joinedPolling();
    await session.startPost("42[", 900_000);
    expect((await session.post("6")).status).toBe(400);
    await serves();
  });
});

describe("CVE-2020-36049: payloads are parsed in quadratic time", () => {
  test.each([
    ["noops", `${"6\x1e".repeat(499_999)}6`],
    ["tiny messages", `${'42["e"]\x1e'.repeat(100_000)}6`],
    ["one long packet", `42["e","${"\\u0041".repeat(160_000)}"]`],
    ["separators", `${"\x1e".repeat(999_000)}6`],
  ])("a megabyte of %s", async (_name, body) => {
    const session = await joinedPolling();
    const before = performance.now();
    expect((await session.post(body)).status).toBe(200);
    expect(performance.now() - before).toBeLessThan(4000);
    await serves();
  });

  test("a megabyte in one-byte pieces", async () => {
    const session = await joinedPolling();
    const connection = await HttpConnection.open(server.port);
    connection.head("POST", session.target, { "Transfer-Encoding": "chunked" });
    connection.write(Buffer.concat(Array(100_000).fill(Buffer.from("1\r\n6\r\n1\r\n\x1e\r\n"))));
    connection.write("1\r\n6\r\n0\r\n\r\n");
    expect((await connection.response()).status).toBe(200);
  });
});

describe("CVE-2022-2421 and CVE-2023-32695: placeholders and event names are believed", () => {
  test.each(['"splice"', '"__proto__"', "-1", "1", "1e400", "null", "{}", "[0]", '"0"'])("num %s", async (num) => {
    const [bystander, session] = [await joined(), await joined()];
    session.send(`451-["echo",{"_placeholder":true,"num":${num}}]`);
    session.send(Buffer.from([1]));
    await isClosed(session);
    await serves(bystander);
  });

  test.each(['{"toString":"x"}', "null", "[]", "{}", '{"valueOf":1}', "true", '"newListener"', '"disconnecting"'])(
    "the event name %s",
    async (name) => {
      const [bystander, session] = [await joined(), await joined()];
      session.send(`42[${name},1]`);
      await isClosed(session);
      await serves(bystander);
    },
  );
});

describe("CVE-2022-21676 and CVE-2022-41940: errors before a socket has its handlers", () => {
  const bad = encodeFrame(TEXT, "40", { mask: false });

  test.each([
    ["of a new session", () => webSocketTarget()],
    ["with an unknown sid", () => webSocketTarget({ sid: "AAAAAAAAAAAAAAAAAAAA" })],
    ["with a bad EIO", () => "/socket.io/?EIO=3&transport=websocket"],
    ["with transport=polling", () => "/socket.io/?EIO=4&transport=polling"],
  ])("a bad frame right behind the handshake %s", async (_name, target) => {
    const bystander = await joined();
    const connection = await HttpConnection.open(server.port);
    connection.socket.cork();
    connection.head("GET", target(), upgradeHeaders());
    connection.write(bad);
    connection.socket.uncork();
    await connection.closed();
    await serves(bystander);
  });

  test.each(["destroy", "reset"] as const)("a client that goes right behind its handshake (%s)", async (how) => {
    const bystander = await joined();
    for (const target of [webSocketTarget(), webSocketTarget({ sid: "nobody" }), "/socket.io/?transport=x"]) {
      for (let i = 0; i < 10; i++) {
        const connection = await HttpConnection.open(server.port);
        connection.head("GET", target, { Upgrade: "websocket", Connection: "Upgrade" });
        connection[how]();
        const next = await HttpConnection.open(server.port);
        next.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-`);
        next[how]();
      }
    }
    await serves(bystander);
  });

  test("a bad frame on a socket that is being refused as a second transport", async () => {
    const bystander = await joined();
    const session = await joinedPolling();
    const first = await WebSocketSession.attach(server.port, { sid: session.sid });
    const second = await WebSocketSession.attach(server.port, { sid: session.sid });
    second.ws.connection.write(bad);
    await second.ws.connection.closed();
    first.ws.connection.write(bad);
    await first.ws.connection.closed();
    await session.post('42["echo",1]');
    expect(await session.packets(1)).toEqual(['42["echo",1]']);
    await serves(bystander);
  });
});

describe("CVE-2023-31125: odd transports", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "websocket%00", "", "polling,websocket"])(
    "transport=%s",
    async (transport) => {
      const bystander = await joined();
      const target = `/socket.io/?EIO=4&transport=${transport}`;
      const response = await request(server.port, "GET", target);
      expect([response.status, text(response)]).toEqual([400, '{"code":0,"message":"Transport unknown"}']);
      const done = await upgrade(server.port, target);
      expect([done.response.status, text(done.response)]).toEqual([400, "Transport unknown"]);
      await serves(bystander);
    },
  );
});

describe("CVE-2024-38355: an event named error", () => {
  test.each([
    '42["error"]',
    '42["error",{"message":"x"}]',
    '421["error"]',
    '451-["error",{"_placeholder":true,"num":0}]',
  ])("%s", async (packet) => {
    const session = await joined();
    session.send(packet);
    if (packet.startsWith("45")) session.send(Buffer.from([1]));
    await serves(session);
  });
});

describe("CVE-2026-33151: attachments without bound", () => {
  test.each(["11", "1000", "999999999", "99999999999999999999"])("%s attachments", async (count) => {
    const [bystander, session] = [await joined(), await joined()];
    session.send(`45${count}-["echo"]`);
    await isClosed(session);
    await serves(bystander);
  });

  test("ten that never come hold nothing back from others", async () => {
    const [bystander, session] = [await joined(), await joined()];
    session.send('4510-["echo"]');
    for (let i = 0; i < 9; i++) session.send(Buffer.alloc(1000));
    await serves(bystander);
    session.ws.connection.destroy();
  });
});

describe("ws CVE-2026-48779: tiny fragments", () => {
  test.each([
    ["empty", ""],
    ["one byte", "x"],
  ])("a message of 300000 fragments, %s", async (_name, payload) => {
    const [bystander, session] = [await joined(), await joined()];
    session.ws.connection.write(encodeFrame(TEXT, payload, { fin: false }));
    const fragment = encodeFrame(CONTINUATION, payload, { fin: false });
    const many = Buffer.concat(Array(10_000).fill(fragment));
    for (let i = 0; i < 30 && session.ws.connection.socket.writable; i++) {
      session.ws.connection.write(many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await within("the end of the connection", Promise.race([session.ws.connection.ended, session.ws.rest()]));
    await serves(bystander);
  });
});

describe("advisories of a Rust server, 2026", () => {
  test.each([
    "é",
    "4é",
    "42é",
    "42[é",
    "451é-",
    "45é",
    "4/é,",
    "40/é",
    "0é",
    "2é",
    "bé",
    "b€€",
    "😀",
    "4😀",
    "43é[]",
    "41é",
    "6é",
  ])("no text is sliced within a character: %s", async (packet) => {
    const bystander = await joined();
    const [session, fresh] = [await joined(), await WebSocketSession.open(server.port)];
    session.send(packet);
    fresh.send(packet);
    const over = await joinedPolling();
    await over.tryPost(packet);
    await serves(bystander);
    const target = `${polling}&sid=${encodeURIComponent(packet)}`;
    expect(text(await request(server.port, "GET", target))).toBe('{"code":1,"message":"Session ID unknown"}');
  });

  test.each([
    "x",
    "%00",
    "%C3%A9",
    "AAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAA",
    "../../etc",
    "A%20",
    "undefined",
    "0",
  ])("a malformed sid opens no session: %s", async (sid) => {
    for (const method of ["GET", "POST"]) {
      const response = await request(server.port, method, `${polling}&sid=${sid}`);
      expect([response.status, text(response)]).toEqual([400, '{"code":1,"message":"Session ID unknown"}']);
    }
    const done = await upgrade(server.port, webSocketTarget({ sid }));
    expect([done.response.status, text(done.response)]).toEqual([400, "Session ID unknown"]);
  });

  test.each(["/socket.io-admin/", "/socket.iox", "/socket.ioo/", "/socket", "/"])(
    "the path %s is not ours",
    async (path) => {
      const response = await request(server.port, "GET", `${path}?EIO=4&transport=polling`);
      expect([response.status, text(response)]).toEqual([404, "application"]);
    },
  );

  test("an upgrade that is never finished leaves nothing behind", async () => {
    await restart({ upgradeTimeout: 150, pingInterval: 200, pingTimeout: 150 });
    const session = await joinedPolling();
    const socket = await WebSocketSession.attach(server.port, { sid: session.sid });
    socket.send("2probe");
    expect(await socket.text()).toBe("3probe");
    await socket.ws.rest();
    while (reasons.length === 0) await elapse(10);
    expect(reasons).toEqual(["ping timeout"]);
    expect(server.io.of("/").sockets.size).toBe(0);
    expect((await session.get()).status).toBe(400);
  });

  test("an ack that timed out is let go", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const session = await joined();
    const socket = await sockets.next("the server's socket");
    const ask = () => {
      const callback = (_error: Error | null) => undefined;
      const ended = new Promise<void>((resolve) => {
        socket.timeout(20).emit("question", (error: Error | null) => {
          callback(error);
          resolve();
        });
      });
      return { callback: new WeakRef(callback), ended };
    };
    const asked = Array.from({ length: 50 }, ask);
    await Promise.all(asked.map(({ ended }) => ended));
    for (let i = 0; i < 50 && asked.some(({ callback }) => callback.deref()); i++) {
      await elapse(10);
      gc();
    }
    expect(asked.filter(({ callback }) => callback.deref()).length).toBe(0);
    session.send('430["too late"]');
    for (let i = 0; i < 50; i++) await session.text();
    await serves(session);
  });

  test("rooms joined in a middleware that then refuses are left", async () => {
    await restart({}, (io) => {
      io.use((socket, next) => {
        socket.join("secret");
        next(socket.handshake.auth.ok ? undefined : new Error("no"));
      });
    });
    const session = await WebSocketSession.open(server.port);
    expect(await session.join()).toBe('44{"message":"no"}');
    server.io.to("secret").emit("not for you");
    expect((await session.join("/", '{"ok":true}')).slice(0, 3)).toBe("40{");
    server.io.to("secret").emit("once");
    session.send('42["echo","end"]');
    expect([await session.text(), await session.text()]).toEqual(['42["once"]', '42["echo","end"]']);
  });

  test("a socket in two rooms gets a broadcast once", async () => {
    const session = await joined();
    const socket = await sockets.next("the server's socket");
    socket.join(["a", "b"]);
    server.io.to("a").to("b").to(socket.id).emit("once");
    server.io.in(["a", "b"]).emit("twice");
    session.send('42["echo","end"]');
    expect([await session.text(), await session.text(), await session.text()]).toEqual([
      '42["once"]',
      '42["twice"]',
      '42["echo","end"]',
    ]);
  });
});
