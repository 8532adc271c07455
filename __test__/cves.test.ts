// What broke other servers of this kind, by CVE: each tried on ours, over each transport that has it. The one who tries loses its
// connection at most; the process and everybody else go on.
import type { Server } from "socket.io";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ATTACKERS, joined, joinedPolling, serves } from "./support/attackers.js";
import {
  CONTINUATION,
  encodeFrame,
  HttpConnection,
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

const start = oracleOnly ? startOracle : startOurs;
const defaults: Options = { pingInterval: 25_000, pingTimeout: 20_000 };
const polling = "/socket.io/?EIO=4&transport=polling";

let server: RunningServer;

function setup(io: Server): void {
  io.on("connection", (socket) => {
    socket.on("echo", (...args) => socket.emit("echo", ...args));
  });
}

async function restart(options: Options): Promise<void> {
  await server.close();
  server = await start({ ...defaults, ...options }, setup);
}

beforeEach(async () => {
  server = await start(defaults, setup);
});

afterEach(() => server.close());

const attackers = Object.keys(ATTACKERS);

describe("CVE-2020-36048: bodies of 100 MB are buffered", () => {
  test("413 comes long before the end of the body, and the session goes on", async () => {
    const session = await joinedPolling(server.port);
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
    await serves(server.port);
  });

  test.each([
    ["in chunks, to a session", true, { "Transfer-Encoding": "chunked" }, 413],
    ["to a session that is none", false, { "Content-Length": "60000000" }, 400],
    ["in chunks, to a session that is none", false, { "Transfer-Encoding": "chunked" }, 400],
  ] as const)("nothing is kept of a body %s", async (_, known, headers, expected) => {
    const bystander = await joined(server.port);
    const session = await joinedPolling(server.port);
    const connection = await HttpConnection.open(server.port);
    connection.head("POST", known ? session.target : polling, headers);
    const before = process.memoryUsage().rss;
    const piece = Buffer.alloc(65_536, "x");
    const chunk =
      "Transfer-Encoding" in headers ? Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]) : piece;
    const answer = connection.response();
    for (let sent = 0; sent < 60_000_000 - piece.length && connection.socket.writable; sent += piece.length) {
      const goesOn = connection.socket.write(chunk);
      // Behind an early answer a long body is not read for ever: the connection ends.
      await new Promise((resolve) => {
        if (goesOn) setImmediate(resolve);
        else for (const event of ["drain", "close"]) connection.socket.once(event, resolve);
      });
    }
    expect((await answer).status).toBe(expected);
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
    connection.destroy();
    await serves(server.port, bystander);
  });

  test("only one POST of a session is in flight", async () => {
    const session = await joinedPolling(server.port);
    await session.startPost("42[", 900_000);
    expect((await session.post("6")).status).toBe(400);
    await serves(server.port);
  });
});

describe("CVE-2020-36049: payloads are parsed in quadratic time", () => {
  test.each([
    ["noops", `${"6\x1e".repeat(499_999)}6`],
    ["tiny messages", `${'42["e"]\x1e'.repeat(100_000)}6`],
    ["one long packet", `42["e","${"\\u0041".repeat(160_000)}"]`],
    ["separators", `${"\x1e".repeat(999_000)}6`],
  ])("a megabyte of %s", async (_name, body) => {
    const session = await joinedPolling(server.port);
    // In quadratic time the answer would come minutes later.
    expect((await session.post(body)).status).toBe(200);
    await serves(server.port);
  });

  test("a megabyte in one-byte pieces", async () => {
    const session = await joinedPolling(server.port);
    const connection = await HttpConnection.open(server.port);
    connection.head("POST", session.target, { "Transfer-Encoding": "chunked" });
    connection.write(Buffer.concat(Array(100_000).fill(Buffer.from("1\r\n6\r\n1\r\n\x1e\r\n"))));
    connection.write("1\r\n6\r\n0\r\n\r\n");
    expect((await connection.response()).status).toBe(200);
    await serves(server.port);
  });
});

describe("CVE-2022-2421 and CVE-2023-32695: placeholders and event names are believed", () => {
  const numbers = ['"splice"', '"__proto__"', "-1", "1", "0.5", "1e400", "null", "{}", "[0]", '"0"'];
  const names = ['{"toString":"x"}', "null", "[]", "{}", '{"valueOf":1}', "true", '"newListener"', '"disconnecting"'];

  describe.each(attackers)("over %s", (transport) => {
    test.each(numbers)("num %s", async (num) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(`451-["echo",{"_placeholder":true,"num":${num}}]`, Buffer.from([1]));
      await attacker.isClosed();
      await serves(server.port, bystander);
    });

    test.each(names)("the event name %s", async (name) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(`42[${name},1]`);
      await attacker.isClosed();
      await serves(server.port, bystander);
    });

    test.each(["[0]", "null", '{"name":"echo"}'])("the name %s of an event with an attachment", async (name) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(`451-[${name},{"_placeholder":true,"num":0}]`, Buffer.from([1]));
      await attacker.isClosed();
      await serves(server.port, bystander);
    });
  });
});

describe("CVE-2022-21676 and CVE-2022-41940: errors before a socket has its handlers", () => {
  const bad = encodeFrame(TEXT, "40", { mask: false });

  test.each([
    ["of a new session", () => webSocketTarget()],
    ["with an unknown sid", () => webSocketTarget({ sid: "AAAAAAAAAAAAAAAAAAAA" })],
    ["with a bad EIO", () => "/socket.io/?EIO=3&transport=websocket"],
    ["with transport=polling", () => "/socket.io/?EIO=4&transport=polling"],
  ])("a bad frame right behind the handshake %s", async (_name, target) => {
    const bystander = await joined(server.port);
    const connection = await HttpConnection.open(server.port);
    connection.socket.cork();
    connection.head("GET", target(), upgradeHeaders());
    connection.write(bad);
    connection.socket.uncork();
    await connection.closed();
    await serves(server.port, bystander);
  });

  test.each(["destroy", "reset"] as const)("a client that goes right behind its handshake (%s)", async (how) => {
    const bystander = await joined(server.port);
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
    await serves(server.port, bystander);
  });

  test("a bad frame on a socket that is being refused as a second transport", async () => {
    const bystander = await joined(server.port);
    const session = await joinedPolling(server.port);
    const first = await WebSocketSession.attach(server.port, { sid: session.sid });
    const second = await WebSocketSession.attach(server.port, { sid: session.sid });
    second.ws.connection.write(bad);
    await second.ws.connection.closed();
    first.ws.connection.write(bad);
    await first.ws.connection.closed();
    await session.post('42["echo",1]');
    expect(await session.packets(1)).toEqual(['42["echo",1]']);
    await serves(server.port, bystander);
  });
});

describe("CVE-2023-31125: odd transports", () => {
  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "websocket%00", "", "polling,websocket"])(
    "transport=%s",
    async (transport) => {
      const bystander = await joined(server.port);
      const target = `/socket.io/?EIO=4&transport=${transport}`;
      const response = await request(server.port, "GET", target);
      expect([response.status, text(response)]).toEqual([400, '{"code":0,"message":"Transport unknown"}']);
      const done = await upgrade(server.port, target);
      expect([done.response.status, text(done.response)]).toEqual([400, "Transport unknown"]);
      await serves(server.port, bystander);
    },
  );
});

describe("CVE-2024-38355: an event named error", () => {
  const errors = [
    '42["error"]',
    '42["error",{"message":"x"}]',
    '421["error"]',
    '451-["error",{"_placeholder":true,"num":0}]',
  ];

  describe.each(attackers)("over %s", (transport) => {
    test.each(errors)("%s", async (packet) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(packet, ...(packet.startsWith("45") ? [Buffer.from([1])] : []));
      await attacker.isServed();
      await serves(server.port, bystander);
    });
  });
});

describe("CVE-2026-33151: attachments without bound", () => {
  const counts = ["11", "1000", "999999999", "99999999999999999999"];

  describe.each(attackers)("over %s", (transport) => {
    test.each(counts)("%s attachments", async (count) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(`45${count}-["echo"]`);
      await attacker.isClosed();
      await serves(server.port, bystander);
    });

    test.each(counts)("%s attachments of an ack", async (count) => {
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send(`46${count}-1[]`);
      await attacker.isClosed();
      await serves(server.port, bystander);
    });

    test("ten that add up to more than the server keeps", async () => {
      await restart({ maxHttpBufferSize: 20_000 });
      const [bystander, attacker] = [await joined(server.port), await ATTACKERS[transport]!(server.port)];
      await attacker.send('4510-["echo"]');
      // A message each may be as large; together they may be four times that.
      for (let i = 0; i < 8; i++) await attacker.send(Buffer.alloc(14_000));
      await attacker.isClosed();
      await serves(server.port, bystander);
    });
  });

  test("ten that never come hold nothing back from others", async () => {
    const [bystander, session] = [await joined(server.port), await joined(server.port)];
    session.send('4510-["echo"]');
    for (let i = 0; i < 9; i++) session.send(Buffer.alloc(1000));
    await serves(server.port, bystander);
    session.ws.connection.destroy();
  });
});

describe("ws CVE-2026-48779: tiny fragments", () => {
  test.each([
    ["empty", ""],
    ["one byte", "x"],
  ])("a message of 300000 fragments, %s", async (_name, payload) => {
    const [bystander, session] = [await joined(server.port), await joined(server.port)];
    session.ws.connection.write(encodeFrame(TEXT, payload, { fin: false }));
    const fragment = encodeFrame(CONTINUATION, payload, { fin: false });
    const many = Buffer.concat(Array(10_000).fill(fragment));
    for (let i = 0; i < 30 && session.ws.connection.socket.writable; i++) {
      session.ws.connection.write(many);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await within("the end of the connection", Promise.race([session.ws.connection.ended, session.ws.rest()]));
    await serves(server.port, bystander);
  });

  test("of many messages that never end", async () => {
    const bystander = await joined(server.port);
    const before = process.memoryUsage().rss;
    const sessions = await Promise.all(Array.from({ length: 20 }, () => joined(server.port)));
    const fragments = Buffer.concat(Array(2000).fill(encodeFrame(CONTINUATION, "x", { fin: false })));
    for (const session of sessions) {
      session.ws.connection.write(encodeFrame(TEXT, "4", { fin: false }));
      session.ws.connection.write(fragments);
    }
    await serves(server.port, bystander);
    // Forty thousand fragments of one byte.
    expect(process.memoryUsage().rss - before).toBeLessThan(30_000_000);
    for (const session of sessions) session.ws.connection.destroy();
  });
});
