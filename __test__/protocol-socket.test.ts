// The official Socket.IO 5 test suite, case by case, on the official server and on ours.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLOSE, closeCode, WebSocketSession } from "./support/raw.js";
import { kinds, type RunningServer, startServer } from "./support/servers.js";

describe.each(kinds)("Socket.IO 5 on %s", (kind) => {
  let server: RunningServer;

  beforeAll(async () => {
    const options = {
      pingInterval: 300,
      pingTimeout: 5000,
      connectTimeout: 3000,
      maxHttpBufferSize: 1e6,
      cors: { origin: "*" },
    };
    server = await startServer(kind, options, (io) => {
      io.on("connection", (socket) => {
        socket.emit("auth", socket.handshake.auth);
        socket.on("message", (...args) => socket.emit("message-back", ...args));
        socket.on("message-with-ack", (...args) => args.pop()(...args));
      });
      io.of("/custom").on("connection", (socket) => socket.emit("auth", socket.handshake.auth));
    });
  });

  afterAll(() => server.close());

  const open = () => WebSocketSession.open(server.port);

  /** The next packet that is no ping; pings are answered. */
  async function packet(session: WebSocketSession): Promise<string> {
    for (;;) {
      const line = await session.text();
      if (line !== "2") return line;
      session.send("3");
    }
  }

  async function joined(): Promise<WebSocketSession> {
    const session = await open();
    session.send("40");
    await packet(session);
    await packet(session);
    return session;
  }

  /** The server closes the connection, and sends nothing but pings before. */
  async function closes(session: WebSocketSession): Promise<void> {
    const { frames } = await session.ws.rest();
    const rest = frames.filter((frame) => frame.payload.toString() !== "2");
    expect(rest.map((frame) => frame.opcode)).toEqual([CLOSE]);
  }

  const sidIn = (line: string, prefix: string) => {
    expect(line.startsWith(`${prefix}{`)).toBe(true);
    const answer = JSON.parse(line.slice(prefix.length));
    expect(answer).toEqual({ sid: expect.stringMatching(/^[\w-]{20}$/) });
    return answer.sid as string;
  };

  describe("connect", () => {
    test("to the main namespace", async () => {
      const session = await open();
      session.send("40");
      expect(sidIn(await packet(session), "40")).not.toBe(session.open!.sid);
      expect(await packet(session)).toBe('42["auth",{}]');
    });

    test("to the main namespace with a payload", async () => {
      const session = await open();
      session.send('40{"token":"123"}');
      sidIn(await packet(session), "40");
      expect(await packet(session)).toBe('42["auth",{"token":"123"}]');
    });

    test("to a custom namespace", async () => {
      const session = await open();
      session.send("40/custom,");
      sidIn(await packet(session), "40/custom,");
      expect(await packet(session)).toBe('42/custom,["auth",{}]');
    });

    test("to a custom namespace with a payload", async () => {
      const session = await open();
      session.send('40/custom,{"token":"abc"}');
      sidIn(await packet(session), "40/custom,");
      expect(await packet(session)).toBe('42/custom,["auth",{"token":"abc"}]');
    });

    test("to an unknown namespace", async () => {
      const session = await open();
      session.send("40/random");
      expect(await packet(session)).toBe('44/random,{"message":"Invalid namespace"}');
    });

    test("with an invalid handshake", async () => {
      const session = await open();
      session.send("4abc");
      await closes(session);
    });

    test("without a handshake, within connectTimeout", async () => {
      const session = await open();
      let frame = await session.ws.next();
      for (; frame.opcode !== CLOSE; frame = await session.ws.next()) session.send("3");
      expect(closeCode(frame)).toBeUndefined();
    });
  });

  describe("disconnect", () => {
    test("from the main namespace", async () => {
      const session = await joined();
      session.send("41");
      expect(await session.text("a ping: the connection stays open")).toBe("2");
    });

    test("from a custom namespace, and the main one stays", async () => {
      const session = await open();
      session.send("40");
      await packet(session);
      await packet(session);
      session.send("40/custom");
      await packet(session);
      await packet(session);
      session.send("41/custom");
      session.send('42["message","message to main namespace"]');
      expect(await packet(session)).toBe('42["message-back","message to main namespace"]');
    });
  });

  describe("message", () => {
    test("text", async () => {
      const session = await joined();
      session.send('42["message",1,"2",{"3":[true]}]');
      expect(await packet(session)).toBe('42["message-back",1,"2",{"3":[true]}]');
    });

    test("binary", async () => {
      const session = await joined();
      session.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
      session.send(Buffer.from([1, 2, 3]));
      session.send(Buffer.from([4, 5, 6]));
      expect(await packet(session)).toBe(
        '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
      );
      expect([...(await session.ws.next()).payload]).toEqual([1, 2, 3]);
      expect([...(await session.ws.next()).payload]).toEqual([4, 5, 6]);
    });

    test("text with an ack", async () => {
      const session = await joined();
      session.send('42456["message-with-ack",1,"2",{"3":[false]}]');
      expect(await packet(session)).toBe('43456[1,"2",{"3":[false]}]');
    });

    test("binary with an ack", async () => {
      const session = await joined();
      session.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
      session.send(Buffer.from([1, 2, 3]));
      session.send(Buffer.from([4, 5, 6]));
      expect(await packet(session)).toBe('462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
      expect([...(await session.ws.next()).payload]).toEqual([1, 2, 3]);
      expect([...(await session.ws.next()).payload]).toEqual([4, 5, 6]);
    });

    test.each([
      ["an unknown packet type", "4abc"],
      ["an invalid payload", "42{}"],
      ["an invalid ack id", '42abc["message-with-ack",1,"2",{"3":[false]}]'],
    ])("closes the connection upon %s", async (_name, line) => {
      const session = await joined();
      session.send(line);
      await closes(session);
    });
  });
});
