// The official Engine.IO 4 test suite, case by case, on the official server and on ours. Messages go through Socket.IO
// events, since our server has no bare engine; everything else is on the engine's level.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CLOSE,
  closeCode,
  elapse,
  HttpConnection,
  PollingSession,
  request,
  split,
  text,
  upgrade,
  WebSocketSession,
} from "./support/raw.js";
import { kinds, type RunningServer, startServer } from "./support/servers.js";

const PING_INTERVAL = 1000;
const PING_TIMEOUT = 800;

describe.each(kinds)("Engine.IO 4 on %s", (kind) => {
  let server: RunningServer;
  let port: number;

  beforeAll(async () => {
    const options = {
      pingInterval: PING_INTERVAL,
      pingTimeout: PING_TIMEOUT,
      maxHttpBufferSize: 1e6,
      cors: { origin: "*" },
    };
    server = await startServer(kind, options, (io) => {
      io.on("connection", (socket) => socket.on("echo", (...args) => socket.emit("echo", ...args)));
    });
    port = server.port;
  });

  afterAll(() => server.close());

  async function joined(): Promise<PollingSession> {
    const session = await PollingSession.open(port);
    await session.join();
    return session;
  }

  async function joinedWebSocket(): Promise<WebSocketSession> {
    const session = await WebSocketSession.open(port);
    await session.join();
    return session;
  }

  /** The session is gone once a request with its sid is refused. */
  async function gone(session: PollingSession): Promise<void> {
    while ((await session.post("6")).status === 200) await elapse(5);
  }

  const handshake = {
    sid: expect.stringMatching(/^[\w-]{20}$/),
    pingInterval: PING_INTERVAL,
    pingTimeout: PING_TIMEOUT,
    maxPayload: 1000000,
  };

  describe("handshake", () => {
    test("HTTP long-polling: opens a session", async () => {
      const response = await request(port, "GET", "/socket.io/?EIO=4&transport=polling");
      expect(response.status).toBe(200);
      const body = text(response);
      expect(body[0]).toBe("0");
      const value = JSON.parse(body.slice(1));
      expect(Object.keys(value)).toEqual(["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
      expect(value).toEqual({ ...handshake, upgrades: ["websocket"] });
    });

    test.each([
      ["an invalid EIO", "GET", "transport=polling"],
      ["another invalid EIO", "GET", "EIO=abc&transport=polling"],
      ["an invalid transport", "GET", "EIO=4"],
      ["another invalid transport", "GET", "EIO=4&transport=abc"],
      ["method POST", "POST", "EIO=4&transport=polling"],
      ["method PUT", "PUT", "EIO=4&transport=polling"],
    ])("HTTP long-polling: fails with %s", async (_name, method, query) => {
      expect((await request(port, method, `/socket.io/?${query}`)).status).toBe(400);
    });

    test("WebSocket: opens a session", async () => {
      const session = await WebSocketSession.open(port);
      expect(session.open).toEqual({ ...handshake, upgrades: [] });
      session.ws.close();
    });

    test.each(["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"])(
      "WebSocket: fails with %s",
      async (query) => {
        const done = await upgrade(port, `/socket.io/?${query}`);
        await done.connection.closed();
      },
    );
  });

  describe("message", () => {
    test("HTTP long-polling: a payload of one text packet", async () => {
      const session = await joined();
      const pushed = await session.post('42["echo","hello"]');
      expect([pushed.status, text(pushed)]).toEqual([200, "ok"]);
      const polled = await session.get();
      expect([polled.status, text(polled)]).toEqual([200, '42["echo","hello"]']);
    });

    test("HTTP long-polling: a payload of several text packets", async () => {
      const session = await joined();
      const pushed = await session.post('42["echo","test1"]\x1e42["echo","test2"]\x1e42["echo","test3"]');
      expect(text(pushed)).toBe("ok");
      expect(await session.packets(3)).toEqual(['42["echo","test1"]', '42["echo","test2"]', '42["echo","test3"]']);
    });

    test("HTTP long-polling: a payload of text and binary packets", async () => {
      const session = await joined();
      const event = '451-["echo",{"_placeholder":true,"num":0}]';
      const pushed = await session.post(`42["echo","hello"]\x1e${event}\x1ebAQIDBA==`);
      expect(text(pushed)).toBe("ok");
      expect(await session.packets(3)).toEqual(['42["echo","hello"]', event, "bAQIDBA=="]);
    });

    test("HTTP long-polling: an invalid packet closes the session", async () => {
      const session = await joined();
      expect((await session.post("abc")).status).toBe(200);
      await gone(session);
      expect((await session.get()).status).toBe(400);
    });

    test("HTTP long-polling: duplicate polls close the session", async () => {
      const session = await PollingSession.open(port);
      const first = await session.startGet();
      expect((await session.get()).status).toBe(400);
      const answer = await first.response;
      expect([answer.status, text(answer)]).toEqual([200, "1"]);
      expect((await session.get()).status).toBe(400);
    });

    test("HTTP long-polling: a cancelled poll closes the session", async () => {
      const session = await PollingSession.open(port);
      const pending = await session.startGet();
      pending.connection.destroy();
      await gone(session);
    });

    test("WebSocket: a plain text packet", async () => {
      const session = await joinedWebSocket();
      session.send('42["echo","hello"]');
      expect(await session.text()).toBe('42["echo","hello"]');
      session.ws.close();
    });

    test("WebSocket: a binary packet", async () => {
      const session = await joinedWebSocket();
      session.send('451-["echo",{"_placeholder":true,"num":0}]');
      session.send(Buffer.from([1, 2, 3, 4]));
      expect(await session.text()).toBe('451-["echo",{"_placeholder":true,"num":0}]');
      expect([...(await session.ws.next()).payload]).toEqual([1, 2, 3, 4]);
      session.ws.close();
    });

    test("WebSocket: an invalid packet closes the session", async () => {
      const session = await WebSocketSession.open(port);
      session.send("abc");
      const { frames } = await session.ws.rest();
      expect(frames.map((frame) => frame.opcode)).toEqual([CLOSE]);
      expect(closeCode(frames[0]!)).toBeUndefined();
    });
  });

  describe("heartbeat", () => {
    test("HTTP long-polling: ping and pong", async () => {
      const session = await PollingSession.open(port);
      for (let i = 0; i < 3; i++) {
        const polled = await session.get();
        expect([polled.status, text(polled)]).toEqual([200, "2"]);
        expect((await session.post("3")).status).toBe(200);
      }
    });

    test("HTTP long-polling: the session is gone pingInterval + pingTimeout after the handshake", async () => {
      const session = await PollingSession.open(port);
      await elapse(PING_INTERVAL + PING_TIMEOUT);
      // A busy server's clock may be behind: then this one gets the ping, and the next one the end.
      await expect.poll(async () => (await session.get()).status).toBe(400);
    });

    test("WebSocket: ping and pong", async () => {
      const session = await WebSocketSession.open(port);
      for (let i = 0; i < 3; i++) {
        expect(await session.text()).toBe("2");
        session.send("3");
      }
      session.ws.close();
    });

    test("WebSocket: ping timeout", async () => {
      const session = await WebSocketSession.open(port);
      expect(await session.text()).toBe("2");
      expect((await session.ws.rest()).frames.map((frame) => frame.opcode)).toEqual([CLOSE]);
    });
  });

  describe("close", () => {
    test("HTTP long-polling: the client closes the session", async () => {
      const session = await PollingSession.open(port);
      const pending = await session.startGet();
      const pushed = await session.post("1");
      expect((await pending.response).status).toBe(200);
      expect(text(await pending.response)).toBe("6");
      expect(pushed.status).toBe(200);
      expect((await session.get()).status).toBe(400);
    });

    test("WebSocket: the client closes the session", async () => {
      const session = await WebSocketSession.open(port);
      session.ws.close(1000);
      const { frames } = await session.ws.rest();
      expect(frames.map((frame) => frame.opcode)).toEqual([CLOSE]);
    });
  });

  describe("upgrade", () => {
    async function upgraded(session: PollingSession): Promise<WebSocketSession> {
      const socket = await WebSocketSession.attach(port, { sid: session.sid });
      socket.send("2probe");
      expect(await socket.text()).toBe("3probe");
      socket.send("5");
      return socket;
    }

    test("from HTTP long-polling to WebSocket", async () => {
      const session = await joined();
      const socket = await WebSocketSession.attach(port, { sid: session.sid });
      socket.send("2probe");
      expect(await socket.text()).toBe("3probe");
      expect(split(await session.get())).toEqual([]);
      socket.send("5");
      socket.send('42["echo","hello"]');
      expect(await socket.text()).toBe('42["echo","hello"]');
      socket.ws.close();
    });

    test("HTTP requests with the same sid are refused after the upgrade", async () => {
      const session = await joined();
      const socket = await upgraded(session);
      socket.send('42["echo","before"]');
      await socket.text();
      expect((await session.get()).status).toBe(400);
      socket.send('42["echo","hello"]');
      expect(await socket.text()).toBe('42["echo","hello"]');
      socket.ws.close();
    });

    test("a WebSocket with the same sid is closed after the upgrade", async () => {
      const session = await joined();
      const socket = await upgraded(session);
      socket.send('42["echo","before"]');
      await socket.text();
      const other = await WebSocketSession.attach(port, { sid: session.sid });
      await other.ws.rest();
      socket.send('42["echo","hello"]');
      expect(await socket.text()).toBe('42["echo","hello"]');
      socket.ws.close();
    });
  });

  test("a connection that only speaks HTTP is left alone", async () => {
    const connection = await HttpConnection.open(port);
    connection.head("GET", "/elsewhere");
    const response = await connection.response();
    expect([response.status, text(response)]).toEqual([404, "application"]);
    connection.destroy();
  });
});
