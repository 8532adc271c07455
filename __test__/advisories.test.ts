// What broke a Socket.IO server in Rust (its advisories of 2026): each tried on ours.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Server, Socket } from "socket.io";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { joined, joinedPolling, serves } from "./support/attackers.js";
import { elapse, Queue, request, text, upgrade, WebSocketSession, webSocketTarget } from "./support/raw.js";
import { type Options, oracleOnly, type RunningServer, startOracle, startOurs } from "./support/servers.js";

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
    const bystander = await joined(server.port);
    const [session, fresh] = [await joined(server.port), await WebSocketSession.open(server.port)];
    session.send(packet);
    fresh.send(packet);
    const over = await joinedPolling(server.port);
    await over.tryPost(packet);
    await serves(server.port, bystander);
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
      const done = await upgrade(server.port, `${path}?EIO=4&transport=websocket`);
      expect(done.ws).toBeUndefined();
      done.connection.destroy();
    },
  );

  test("an upgrade that is never finished leaves nothing behind", async () => {
    await restart({ upgradeTimeout: 1500, pingInterval: 2000, pingTimeout: 500 });
    const session = await joinedPolling(server.port);
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
    const session = await joined(server.port);
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
    await serves(server.port, session);
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
    const session = await joined(server.port);
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
