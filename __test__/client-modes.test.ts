// The official client over WebSocket only, polling only, and polling upgraded to WebSocket: what an application does with it.
import { once } from "node:events";
import type { Server, Socket } from "socket.io";
import { type Socket as ClientSocket, io as connect, Manager } from "socket.io-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { within } from "./support/deadline.js";
import { startProxy } from "./support/proxy.js";
import { kinds, type RunningServer, startServer } from "./support/servers.js";

const modes: Record<string, string[]> = {
  "websocket only": ["websocket"],
  "polling only": ["polling"],
  "polling upgraded": ["polling", "websocket"],
};

function setup(io: Server): void {
  io.use((socket, next) => {
    if (socket.handshake.auth.token !== "bad") return next();
    next(Object.assign(new Error("refused"), { data: { retry: false } }));
  });
  const wire = (socket: Socket) => {
    socket.emit("welcome", socket.id, socket.handshake.auth);
    socket.on("echo", (...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
      if (ack) ack(...args);
      else socket.emit("echo", ...args);
    });
    socket.on("ask me", (ack) => socket.emit("question", 7, (...answer: unknown[]) => ack(...answer)));
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on("to room", (room, ...args) =>
      io
        .of(socket.nsp.name)
        .to(room)
        .emit("from room", ...args),
    );
    socket.on("flood", (count) => {
      for (let i = 0; i < count; i++) socket.emit("drop", i);
    });
  };
  io.on("connection", wire);
  io.of("/custom").on("connection", wire);
}

describe.each(kinds)("the official client on %s", (kind) => {
  let server: RunningServer;
  const clients: ClientSocket[] = [];

  beforeAll(async () => {
    server = await startServer(kind, {}, setup);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => server.close());

  function event(client: ClientSocket, name: string): Promise<unknown[]> {
    return within(`the client's ${name}`, once(client as unknown as NodeJS.EventEmitter, name));
  }

  function create(transports: string[], options: object = {}, namespace = ""): ClientSocket {
    const client = connect(`http://127.0.0.1:${server.port}${namespace}`, {
      transports,
      forceNew: true,
      reconnectionDelay: 10,
      ...options,
    });
    clients.push(client);
    return client;
  }

  /** A connected client; one that upgrades has done so. */
  async function ready(transports: string[], options: object = {}, namespace = ""): Promise<ClientSocket> {
    const client = create(transports, options, namespace);
    await event(client, "connect");
    const { engine } = client.io;
    if (transports.length === 2 && engine.transport.name === "polling") {
      await within("the upgrade", new Promise((resolve) => engine.once("upgrade", resolve)));
    }
    return client;
  }

  describe.each(Object.keys(modes))("%s", (mode) => {
    const transports = modes[mode]!;

    test("connects over the transport it should", async () => {
      const client = await ready(transports);
      const name = mode === "polling only" ? "polling" : "websocket";
      expect(client.io.engine.transport.name).toBe(name);
      expect(await client.emitWithAck("echo", name)).toBe(name);
    });

    test("gets its id and sends its auth", async () => {
      const client = create(transports, { auth: { token: "t", n: [1, { deep: true }] } });
      const [id, auth] = await event(client, "welcome");
      expect(id).toBe(client.id);
      expect(auth).toEqual({ token: "t", n: [1, { deep: true }] });
    });

    test("auth by a function", async () => {
      const client = create(transports, { auth: (done: (auth: object) => void) => done({ token: "later" }) });
      const [, auth] = await event(client, "welcome");
      expect(auth).toEqual({ token: "later" });
    });

    test("a middleware refuses, with data, and the client can try again", async () => {
      const client = create(transports, { auth: { token: "bad" } });
      const [error] = (await event(client, "connect_error")) as [Error & { data: unknown }];
      expect(error.message).toBe("refused");
      expect(error.data).toEqual({ retry: false });
      expect(client.active).toBe(false);
      client.auth = { token: "good" };
      client.connect();
      await event(client, "connect");
    });

    test("events both ways", async () => {
      const client = await ready(transports);
      const args = [1, -1.5, "ä€😀\u2028", true, null, [], {}, { a: [{ b: "c" }] }];
      client.emit("echo", ...args);
      expect(await event(client, "echo")).toEqual(args);
    });

    test("acks both ways", async () => {
      const client = await ready(transports);
      expect(await client.emitWithAck("echo", { x: 1 })).toEqual({ x: 1 });
      client.on("question", (n, answer) => answer(n * 6));
      expect(await client.timeout(3000).emitWithAck("ask me")).toBe(42);
    });

    test("an ack that never comes times out", async () => {
      const client = await ready(transports);
      await expect(client.timeout(50).emitWithAck("nobody listens")).rejects.toThrow("operation has timed out");
    });

    test("binary both ways", async () => {
      const client = await ready(transports);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      client.emit("echo", bytes, { nested: [bytes.subarray(10, 20), "text"] }, Buffer.alloc(0));
      const [first, second, third] = (await event(client, "echo")) as [Buffer, { nested: [Buffer, string] }, Buffer];
      expect(Buffer.compare(first, bytes)).toBe(0);
      expect(second.nested[0].equals(bytes.subarray(10, 20))).toBe(true);
      expect(second.nested[1]).toBe("text");
      expect(third.length).toBe(0);
      const answer = await client.emitWithAck("echo", bytes);
      expect(Buffer.compare(answer, bytes)).toBe(0);
    });

    test("rooms", async () => {
      const [a, b] = [await ready(transports), await ready(transports)];
      await a.emitWithAck("join", "r");
      b.emit("to room", "r", "hello", Buffer.from([1]));
      const [text, bytes] = (await event(a, "from room")) as [string, Buffer];
      expect([text, ...bytes]).toEqual(["hello", 1]);
    });

    test("two namespaces over one connection", async () => {
      const manager = new Manager(`http://127.0.0.1:${server.port}`, { transports });
      const [main, custom] = [manager.socket("/"), manager.socket("/custom", { auth: { who: "me" } })];
      clients.push(main, custom);
      const [, auth] = await event(custom, "welcome");
      expect(auth).toEqual({ who: "me" });
      if (!main.connected) await event(main, "connect");
      expect(main.id).not.toBe(custom.id);
      expect(await custom.emitWithAck("echo", "c")).toBe("c");
      expect(await main.emitWithAck("echo", "m")).toBe("m");
      custom.disconnect();
      expect(await main.emitWithAck("echo", "still here")).toBe("still here");
    });

    test("an unknown namespace", async () => {
      const client = create(transports, {}, "/nowhere");
      const [error] = (await event(client, "connect_error")) as [Error];
      expect(error.message).toBe("Invalid namespace");
    });

    test("reconnects, as a new socket, and sends what was buffered", async () => {
      const client = await ready(transports);
      const { id } = client;
      const gone = event(client, "disconnect");
      client.io.engine.close();
      await gone;
      client.emit("echo", "buffered");
      const back = event(client, "connect");
      const echo = event(client, "echo");
      await back;
      expect(client.id).not.toBe(id);
      expect(await echo).toEqual(["buffered"]);
    });

    test("leaves and joins again by hand", async () => {
      const client = await ready(transports);
      client.disconnect();
      client.connect();
      await event(client, "connect");
      expect(await client.emitWithAck("echo", 1)).toBe(1);
    });

    test("a thousand events in order, both ways", async () => {
      const client = await ready(transports);
      const [drops, echoes]: [number[], number[]] = [[], []];
      client.on("drop", (i) => drops.push(i));
      client.on("echo", (i) => echoes.push(i));
      client.emit("flood", 1000);
      for (let i = 0; i < 1000; i++) client.emit("echo", i);
      await client.emitWithAck("echo", "end");
      const counted = Array.from({ length: 1000 }, (_, i) => i);
      expect(drops).toEqual(counted);
      expect(echoes).toEqual(counted);
    });

    test("900 kB of text both ways", async () => {
      const client = await ready(transports);
      const text = "0123456789abcdef€".repeat(47_300);
      expect(Buffer.byteLength(text)).toBeGreaterThan(890_000);
      client.emit("echo", text);
      const [echo] = await event(client, "echo");
      expect(echo === text).toBe(true);
    });

    test("large binary both ways", async () => {
      const client = await ready(transports);
      // Over polling base64 adds a third, and the whole has to stay below maxHttpBufferSize.
      const bytes = Buffer.alloc(mode === "websocket only" ? 900_000 : 700_000, "large binary ");
      client.emit("echo", bytes);
      const [echo] = (await event(client, "echo")) as [Buffer];
      expect(bytes.equals(echo)).toBe(true);
    });
  });

  // A proxy holds the WebSocket handshake back, so that there is traffic before, during and after the change.
  test("events in order, none lost, none twice, while the transport changes", async () => {
    const proxy = await startProxy(server.port, 100);
    try {
      const client = connect(`http://127.0.0.1:${proxy.port}`, { forceNew: true });
      clients.push(client);
      const sentAt = { upgrade: -1 };
      const [sent, received]: [number[], number[]] = [[], []];
      client.io.engine.once("upgrade", () => {
        sentAt.upgrade = sent.length;
      });
      client.on("echo", (i) => received.push(i));
      for (let i = 0; i < 1000 || sentAt.upgrade < 0 || i < sentAt.upgrade + 500; i++) {
        sent.push(i);
        client.emit("echo", i);
        if (i % 20 === 19) await client.timeout(5000).emitWithAck("echo", "so far");
      }
      await client.timeout(5000).emitWithAck("echo", "end");
      expect(sentAt.upgrade).toBeGreaterThan(20);
      expect(client.io.engine.transport.name).toBe("websocket");
      expect(received).toEqual(sent);
    } finally {
      await proxy.close();
    }
  });

  test("events that the server sends all along the upgrade", async () => {
    const paced = await startServer(kind, {}, (io) => {
      io.on("connection", (socket) => {
        let i = 0;
        let rest = Number.POSITIVE_INFINITY;
        socket.on("upgraded", () => {
          rest = 500;
        });
        const step = () => {
          for (let k = 0; k < 5; k++) socket.emit("n", i++);
          rest -= 5;
          if (i < 1000 || rest > 0) setTimeout(step, 1);
          else socket.emit("end", i);
        };
        step();
      });
    });
    const proxy = await startProxy(paced.port, 100);
    try {
      const client = connect(`http://127.0.0.1:${proxy.port}`, { forceNew: true });
      clients.push(client);
      const received: number[] = [];
      let before = 0;
      client.on("n", (n) => received.push(n));
      client.io.engine.once("upgrade", () => {
        before = received.length;
        client.emit("upgraded");
      });
      const [total] = (await event(client, "end")) as [number];
      expect(client.io.engine.transport.name).toBe("websocket");
      expect(before).toBeGreaterThan(0);
      expect(received).toEqual(Array.from({ length: total }, (_, i) => i));
      client.disconnect();
    } finally {
      await proxy.close();
      await paced.close();
    }
  });
});
