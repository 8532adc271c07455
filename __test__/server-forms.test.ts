// Every way to make and start a server, on the official socket.io and on ours.
import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect as connectTo } from "node:net";
import { io as connect, type Socket } from "socket.io-client";
import { afterEach, describe, expect, test } from "vitest";
import { module, onBoth } from "./support/both.js";
import { certificate } from "./support/certificate.js";
import { header, request } from "./support/raw.js";

const undo: Array<() => unknown> = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** What closes a Socket.IO server. */
type Closable = { close(): Promise<void>; httpServer: HttpServer };

function closing<T extends Closable>(io: T): T {
  undo.push(() => io.close());
  return io;
}

async function portOf(server: HttpServer): Promise<number> {
  if (!server.listening) await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Says hello to a server, and gives its answer. */
async function answer(url: string, options = {}): Promise<unknown> {
  const socket: Socket = connect(url, { forceNew: true, reconnection: false, rejectUnauthorized: false, ...options });
  try {
    return await new Promise((resolve, reject) => {
      socket.once("connect_error", reject);
      socket.once("welcome", resolve);
    });
  } finally {
    socket.disconnect();
  }
}

// biome-ignore lint/suspicious/noExplicitAny: either of the two
function greets(io: any, text = "hello"): void {
  io.on("connection", (socket: { emit(name: string, text: string): void }) => socket.emit("welcome", text));
}

onBoth("ways to make a server", (kind) => {
  const { Server } = module(kind);
  const callable = module(kind);

  test("the module is a function, with the classes on it", async () => {
    expect(typeof callable).toBe("function");
    expect([callable.Server, callable.Namespace, callable.Socket].map((one) => typeof one)).toEqual(
      Array(3).fill("function"),
    );
    const http = createServer();
    const io = closing(callable(http, { pingInterval: 5000 }));
    expect(io).toBeInstanceOf(Server);
    greets(io);
    http.listen(0);
    expect(await answer(`http://localhost:${await portOf(http)}`)).toBe("hello");
  });

  test("the module with a port, and with nothing", async () => {
    const io = closing(callable(0));
    greets(io);
    expect(await answer(`http://localhost:${await portOf(io.httpServer)}`)).toBe("hello");
    const later = closing(callable());
    greets(later);
    later.listen(0);
    expect(await answer(`http://localhost:${await portOf(later.httpServer)}`)).toBe("hello");
  });

  test.each([
    ["a port", (io: new (...args: unknown[]) => unknown) => new io(0, { serveClient: false })],
    ["a port as text", (io: new (...args: unknown[]) => unknown) => new io("0")],
    ["nothing, then a port", (io: new (...args: unknown[]) => { listen(port: number): unknown }) => new io().listen(0)],
    [
      "options, then a port as text",
      (io: new (...args: unknown[]) => { attach(port: string): unknown }) => new io({ pingInterval: 5000 }).attach("0"),
    ],
    [
      "undefined and options",
      (io: new (...args: unknown[]) => { attach(port: number): unknown }) =>
        new io(undefined, { pingInterval: 5000 }).attach(0),
    ],
  ])("new Server: %s", async (_name, make) => {
    // biome-ignore lint/suspicious/noExplicitAny: either of the two
    const io = closing(make(Server) as any);
    greets(io);
    const port = await portOf(io.httpServer);
    expect(await answer(`http://localhost:${port}`)).toBe("hello");
    // Nothing else is served there.
    expect((await request(port, "GET", "/other")).status).toBe(404);
  });

  test("an HTTPS server", async () => {
    const https = createSecureServer(certificate());
    const io = closing(new Server(https));
    greets(io);
    https.listen(0);
    expect(await answer(`https://localhost:${await portOf(https as never)}`)).toBe("hello");
  });

  test("options only, attached to an HTTP server that runs already", async () => {
    const http = createServer((_, response) => response.end("application")).listen(0);
    const port = await portOf(http);
    const io = closing(new Server({ path: "/chat/" }));
    greets(io);
    expect(io.attach(http)).toBe(io);
    expect(io.httpServer).toBe(http);
    expect(await answer(`http://localhost:${port}`, { path: "/chat" })).toBe("hello");
    expect((await request(port, "GET", "/")).body.toString()).toBe("application");
  });

  test("the constructor's options win over those of attach", async () => {
    const http = createServer();
    const io = closing(new Server({ path: "/one" }));
    greets(io);
    io.attach(http, { path: "/two" });
    http.listen(0);
    expect(await answer(`http://localhost:${await portOf(http)}`, { path: "/one" })).toBe("hello");
  });

  test("options of attach count where the constructor has none", async () => {
    const http = createServer();
    const io = closing(new Server());
    greets(io);
    io.attach(http, { path: "/two", serveClient: false });
    http.listen(0);
    expect(await answer(`http://localhost:${await portOf(http)}`, { path: "/two" })).toBe("hello");
  });

  test("an express application is refused with a hint", () => {
    const application = Object.assign(() => {}, { handle() {} });
    for (const make of [() => new Server(application), () => new Server().attach(application)]) {
      expect(make).toThrow("Please pass a http.Server instance");
    }
  });

  test("one io on two HTTP servers", async () => {
    const [first, second] = [createServer(), createServer()];
    const io = closing(new Server(first));
    greets(io);
    io.attach(second, { path: "/socket.io" });
    undo.push(() => first.close());
    for (const http of [first.listen(0), second.listen(0)]) {
      expect(await answer(`http://localhost:${await portOf(http)}`)).toBe("hello");
    }
  });
});

onBoth("upgrades to other paths", (kind) => {
  const { Server } = module(kind);

  test.each([
    ["nobody listens for", undefined],
    ["somebody leaves alone", () => {}],
  ])("end in time, if %s them", async (_name, listener) => {
    const http = createServer();
    closing(new Server(http, { destroyUpgradeTimeout: 50 }));
    if (listener) http.on("upgrade", listener);
    http.listen(0);
    const socket = connectTo(await portOf(http), "127.0.0.1");
    undo.push(() => socket.destroy());
    socket.write("GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    expect(await socket.toArray()).toEqual([]);
  });

  test("are left alone once they are answered, or by destroyUpgrade: false", async () => {
    for (const options of [{ destroyUpgradeTimeout: 1 }, { destroyUpgrade: false, destroyUpgradeTimeout: 1 }]) {
      const http = createServer();
      const io = new Server(http, options);
      http.on("upgrade", (_request, socket) => {
        if (options.destroyUpgrade !== false) socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
        setTimeout(() => socket.end("late"), 60);
      });
      http.listen(0);
      const socket = connectTo(await portOf(http), "127.0.0.1");
      socket.write("GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/late$/);
      await io.close();
    }
  });
});

onBoth("what may be asked and set", (kind) => {
  const { Server } = module(kind);

  test("before anything is attached", () => {
    const io = new Server();
    expect([io.path(), io.connectTimeout(), io.serveClient()]).toEqual(["/socket.io", 45_000, true]);
    expect(io.path("/chat/")).toBe(io);
    expect(io.connectTimeout(7000).serveClient(false).path()).toBe("/chat");
    expect([io.connectTimeout(), io.serveClient()]).toEqual([7000, false]);
    const other = new Server({ path: "/a/", connectTimeout: 10, serveClient: false });
    expect([other.path(), other.connectTimeout(), other.serveClient()]).toEqual(["/a", 10, false]);
  });

  test("afterwards: the time to join a namespace is that of who comes then", async () => {
    const http = createServer();
    const io = closing(new Server(http));
    http.listen(0);
    const port = await portOf(http);
    expect(io.connectTimeout(50)).toBe(io);
    expect(io.connectTimeout()).toBe(50);
    const opened = await request(port, "GET", "/socket.io/?EIO=4&transport=polling");
    const { sid } = JSON.parse(opened.body.toString().slice(1)) as { sid: string };
    // It joins none, and is closed.
    const poll = await request(port, "GET", `/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    expect(poll.body.toString()).toBe("1");
  });

  test("afterwards: path and serveClient can be read, and set for what is attached next", async () => {
    const [first, second] = [createServer(), createServer()];
    const io = closing(new Server(first));
    undo.push(() => first.close());
    greets(io);
    first.listen(0);
    const port = await portOf(first);
    io.serveClient(false).path("/later");
    expect([io.path(), io.serveClient()]).toEqual(["/later", false]);
    expect(await answer(`http://localhost:${port}`)).toBe("hello");
    io.attach(second);
    second.listen(0);
    expect(await answer(`http://localhost:${await portOf(second)}`, { path: "/later" })).toBe("hello");
  });
});

describe("ours alone", () => {
  const { Server } = module("ours");

  test("other options of a second HTTP server are refused by name", () => {
    const io = closing(new Server(createServer()));
    undo.push(() => io.httpServer.close());
    expect(() => io.attach(createServer(), { pingInterval: 1 })).toThrow(/its options cannot change.*pingInterval/);
  });

  test("what lies below the path is the server's, and always answered", async () => {
    const http = createServer((_, response) => response.writeHead(404).end("application"));
    closing(new Server(http, { serveClient: false }));
    http.listen(0);
    const port = await portOf(http);
    for (const path of ["/socket.io/x", "/socket.io/x/y?a=b", "/socket.io/socket.io.js"]) {
      const response = await request(port, "GET", path);
      expect([response.status, header(response, "content-type")]).toEqual([400, "application/json"]);
      expect(response.body.toString()).toBe('{"code":0,"message":"Transport unknown"}');
    }
    expect((await request(port, "GET", "/socket.iox/")).body.toString()).toBe("application");
  });
});
