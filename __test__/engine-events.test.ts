// io.engine: its events, and what applications read and call of it, on the official server and on ours.
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Server, Socket } from "socket.io";
import { describe, expect, test, vi } from "vitest";
import { applications, type Way, ways } from "./support/both.js";
import { client, closeClients, connected, event } from "./support/nself.js";
import { header, PollingSession, request, upgrade, webSocketTarget } from "./support/raw.js";
import { kinds, oracleOnly } from "./support/servers.js";

const path = "/socket.io";
const started = applications();

type Request = IncomingMessage & { _query: Record<string, string> };
interface ConnectionError {
  req: Request;
  code: number;
  message: string;
  context: unknown;
}

const get = (query: string) => `/socket.io/?${query}`;
const no = (_request: IncomingMessage, callback: (error: string | null, success: boolean) => void) =>
  callback("not you", false);

describe.each(kinds)("%s", (kind) => {
  test("removeAllListeners removes all, of the engine and of a connection", async () => {
    const { io, port } = await started(kind, () => {});
    const connecting = new Promise<Socket>((resolve) => io.once("connection", resolve));
    await connected(port, { path });
    const { conn } = await connecting;
    // Of the official one they are what the server itself listens with.
    const emitters = kind === "oracle" ? [io.engine] : [io.engine, conn];
    for (const emitter of emitters as NodeJS.EventEmitter[]) {
      emitter.on("own", no).on("other", no);
      emitter.removeAllListeners("own");
      expect([emitter.listenerCount("own"), emitter.listenerCount("other")]).toEqual([0, 1]);
      emitter.removeAllListeners();
      expect(emitter.eventNames()).toEqual([]);
    }
  });

  describe.each(ways)("connection_error by %s", (way) => {
    /** An application that notes what is refused. */
    async function refusing(options = {}) {
      const errors: unknown[] = [];
      const setup = (io: Server) =>
        io.engine.on("connection_error", ({ req, code, message, context }: ConnectionError) => {
          errors.push([req.method, req._query.transport, req.headers["x-test"], code, message, context]);
        });
      return { errors, ...(await started(kind, setup, { way: way as Way, options })) };
    }
    const headers = { "x-test": "yes" };

    test.each([
      ["GET", "EIO=4&transport=carrier-pigeon", 0, "Transport unknown", { transport: "carrier-pigeon" }],
      ["GET", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown", { sid: "nobody" }],
      ["POST", "EIO=4&transport=polling", 2, "Bad handshake method", { method: "POST" }],
      ["GET", "EIO=4&transport=websocket", 3, "Bad request", { name: "TRANSPORT_HANDSHAKE_ERROR" }],
      ["GET", "EIO=3&transport=polling", 5, "Unsupported protocol version", { protocol: 3 }],
    ])("%s %s: %i", async (method, query, code, message, context) => {
      const { port, errors } = await refusing();
      const response = await request(port, method, get(query), { headers });
      expect([response.status, JSON.parse(response.body.toString())]).toEqual([400, { code, message }]);
      const transport = new URLSearchParams(query).get("transport");
      await vi.waitFor(() => expect(errors).toEqual([[method, transport, "yes", code, message, context]]));
    });

    test("what allowRequest refuses: 4", async () => {
      const { port, errors } = await refusing({ allowRequest: no });
      expect((await request(port, "GET", get("EIO=4&transport=polling"), { headers })).status).toBe(403);
      expect((await upgrade(port, webSocketTarget(), { headers })).response.status).toBe(400);
      const error = (transport: string) => ["GET", transport, "yes", 4, expect.any(String), { message: "not you" }];
      await vi.waitFor(() => expect(errors).toEqual([error("polling"), error("websocket")]));
    });

    test("a session that speaks another transport: 3", async () => {
      const { port, errors } = await refusing();
      const { sid } = await PollingSession.open(port);
      await request(port, "GET", get(`EIO=4&transport=websocket&sid=${sid}`), { headers });
      const context = { name: "TRANSPORT_MISMATCH", transport: "websocket", previousTransport: "polling" };
      await vi.waitFor(() => expect(errors).toEqual([["GET", "websocket", "yes", 3, "Bad request", context]]));
    });

    test("upgrades: an unknown transport, an unknown session", async () => {
      const { port, errors } = await refusing();
      const answers = [];
      for (const target of [get("EIO=4&transport=owl"), webSocketTarget({ sid: "nobody" })]) {
        const { response } = await upgrade(port, target, { headers });
        answers.push([response.status, response.body.toString()]);
      }
      expect(answers).toEqual([
        [400, "Transport unknown"],
        [400, "Session ID unknown"],
      ]);
      await vi.waitFor(() =>
        expect(errors).toEqual([
          ["GET", "owl", "yes", 0, "Transport unknown", { transport: "owl" }],
          ["GET", "websocket", "yes", 1, "Session ID unknown", { sid: "nobody" }],
        ]),
      );
    });
  });

  describe.each(ways)("headers by %s", (way) => {
    test("initial_headers changes the handshake's response, headers each", async () => {
      const seen: unknown[] = [];
      const { port } = await started(
        kind,
        (io) => {
          io.engine.on("initial_headers", (headers: Record<string, unknown>, one: Request) => {
            headers["x-first"] = "1";
            headers["set-cookie"] = ["a=1", "b=2"].join("; ");
            seen.push(["initial", one._query.transport]);
          });
          io.engine.on("headers", (headers: Record<string, unknown>, one: Request) => {
            headers["x-each"] = one._query.sid ? "later" : "first";
          });
        },
        { way: way as Way },
      );
      const session = await PollingSession.open(port);
      expect(header(session.response, "x-first")).toBe("1");
      expect(header(session.response, "x-each")).toBe("first");
      expect(header(session.response, "set-cookie")).toBe("a=1; b=2");
      const posted = await request(port, "POST", get(`EIO=4&transport=polling&sid=${session.sid}`), { body: "40" });
      expect([header(posted, "x-first"), header(posted, "x-each")]).toEqual([undefined, "later"]);
      const { response } = await upgrade(port, webSocketTarget());
      expect([header(response, "x-first"), header(response, "x-each")]).toEqual(["1", "first"]);
      const probe = await upgrade(port, webSocketTarget({ sid: session.sid }));
      expect([header(probe.response, "x-first"), header(probe.response, "x-each")]).toEqual([undefined, "later"]);
      expect(seen).toEqual([
        ["initial", "polling"],
        ["initial", "websocket"],
      ]);
    });

    test("the cookie of the option is among the initial headers", async () => {
      const seen: unknown[] = [];
      const { port } = await started(
        kind,
        (io) => {
          io.engine.on("initial_headers", (headers: Record<string, unknown>) => seen.push(headers["Set-Cookie"]));
        },
        { way: way as Way, options: { cookie: { name: "sticky", path: "/" } } },
      );
      const session = await PollingSession.open(port);
      expect([seen[0]].flat()).toEqual([expect.stringContaining(`sticky=${session.sid}`)]);
      expect(header(session.response, "set-cookie")).toContain(`sticky=${session.sid}`);
    });
  });

  test("connection gives socket.conn of each client, before its sockets", async () => {
    const seen: unknown[] = [];
    const conns = new Set<unknown>();
    const { port } = await started(kind, (io) => {
      io.engine.on("connection", (conn) => {
        conns.add(conn);
        seen.push(["engine", conn.transport.name, conn.protocol, conn.request.headers["x-test"]]);
        conn.on("close", (reason: string) => seen.push(["closed", reason]));
      });
      io.on("connection", ({ conn }) => {
        seen.push(["socket", conns.has(conn)]);
      });
    });
    const extraHeaders = { "x-test": "yes" };
    for (const transport of ["websocket", "polling"]) {
      const socket = await connected(port, { path, transports: [transport], extraHeaders });
      await vi.waitFor(() => expect(seen).toHaveLength(2));
      socket.disconnect();
      await vi.waitFor(() => expect(seen).toHaveLength(3));
      const [, , closed] = seen.splice(0);
      expect(closed).toEqual(["closed", "transport close"]);
    }
    const silent = await upgrade(port, webSocketTarget());
    await vi.waitFor(() => expect(seen).toEqual([["engine", "websocket", 4, undefined]]));
    silent.connection.destroy();
    await vi.waitFor(() => expect(seen.at(-1)).toEqual(["closed", "transport close"]));
  });

  test("one object, with clientsCount, opts and generateId", async () => {
    const { io, port } = await started(kind, () => {}, { options: { pingInterval: 12_345 } });
    expect(io.engine).toBe(io.engine);
    expect(io.engine.clientsCount).toBe(0);
    await connected(port, { path, transports: ["websocket"] });
    await connected(port, { path, transports: ["polling"] });
    expect(io.engine.clientsCount).toBe(2);
    expect(io.engine.opts).toMatchObject({
      pingInterval: 12_345,
      pingTimeout: 20_000,
      maxHttpBufferSize: 1_000_000,
      transports: ["polling", "websocket"],
      allowUpgrades: true,
    });
    const ids = [1, 2].map(() => io.engine.generateId({} as IncomingMessage));
    expect(ids[0]).toMatch(/^[\w-]{20}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test("close() ends every connection, and the server goes on", async () => {
    const reasons: string[] = [];
    const { io, port } = await started(kind, (one) =>
      one.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason))),
    );
    const sockets = [
      await connected(port, { path, transports: ["websocket"], reconnection: false }),
      await connected(port, { path, transports: ["polling"], reconnection: false }),
    ];
    const ended = sockets.map((socket) => event(socket, "disconnect"));
    io.engine.close();
    await Promise.all(ended);
    await vi.waitFor(() => expect(reasons).toEqual(["forced close", "forced close"]));
    await connected(port, { path, transports: ["polling"] });
  });

  test("handleRequest and handleUpgrade serve what an application's own server got", async () => {
    const { io } = await started(kind, (one) => one.on("connection", (socket) => socket.emit("hello")));
    const own = createServer((one, response) => io.engine.handleRequest(one as never, response));
    own.on("upgrade", (one, socket, head) => io.engine.handleUpgrade(one as never, socket, head));
    await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
    const { port } = own.address() as AddressInfo;
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      const socket = client(port, { path, transports });
      await event(socket, "hello");
      socket.disconnect();
    }
    closeClients();
    own.closeAllConnections();
    await new Promise((resolve) => own.close(resolve));
  });
});

describe.skipIf(oracleOnly)("what io.engine has not", () => {
  test("is refused by its name, with what to do", async () => {
    const { io } = await started("ours", () => {});
    const engine = io.engine as unknown as Record<string, unknown>;
    expect(() => engine.clients).toThrow(/io\.engine\.clients is not supported: .*io\.sockets/);
    expect(() => {
      engine.generateId = () => "mine";
    }).toThrow(/generateId as a function of one's own is not supported: .*socket\.data/);
    expect(() => io.engine.use(5 as never)).toThrow(/needs a function/);
  });
});
