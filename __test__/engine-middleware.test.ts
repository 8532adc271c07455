// Middleware of Node's world, unchanged, before Engine.IO's requests: the same application on the official server and on ours.
import type { IncomingMessage, ServerResponse } from "node:http";
import cookieParser from "cookie-parser";
import express from "express";
import session from "express-session";
import helmet from "helmet";
import passport from "passport";
import { Strategy } from "passport-local";
import type { Server, Socket } from "socket.io";
import { describe, expect, test, vi } from "vitest";
import { applications, ways } from "./support/both.js";
import { client, connected, event } from "./support/nself.js";
import { header, request, upgrade, webSocketTarget } from "./support/raw.js";
import { kinds, oracleOnly } from "./support/servers.js";

const path = "/socket.io";
const POLLING = "/socket.io/?EIO=4&transport=polling";
const modes: Array<[name: string, transports: string[]]> = [
  ["websocket", ["websocket"]],
  ["polling", ["polling"]],
  ["polling, then websocket", ["polling", "websocket"]],
];
type Next = (error?: unknown) => void;
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

const started = applications();

/** As the documentation of Socket.IO has it. */
const onlyForHandshake =
  (middleware: Middleware): Middleware =>
  (request, response, next) => {
    const isHandshake = (request as unknown as { _query: { sid?: string } })._query.sid === undefined;
    if (isHandshake) middleware(request, response, next);
    else next();
  };

interface Visit {
  user?: string;
  count?: number;
}
const visitOf = (socket: Socket) => (socket.request as unknown as { session: session.Session & Visit }).session;

/** An application with a login by session. */
function withSessions() {
  const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: true });
  const pages = express();
  pages.use(sessions as never);
  pages.get("/login/:user", (request, response) => {
    Object.assign(request.session, { user: request.params.user });
    response.end("welcome");
  });
  pages.get("/count", (request, response) => {
    response.end(String((request.session as Visit).count ?? 0));
  });
  const setup = (io: Server) => {
    io.engine.use(sessions as never);
    io.on("connection", (socket) => {
      socket.on("who", (answer: (user: string | undefined) => void) => answer(visitOf(socket).user));
      socket.on("count", (answer: (count: number) => void) => {
        visitOf(socket).reload(() => {
          // It is another object by now.
          const visit = visitOf(socket);
          visit.count = (visit.count ?? 0) + 1;
          visit.save(() => answer(visit.count ?? 0));
        });
      });
    });
  };
  return { pages, setup };
}

/** The cookie that a response sets, as a client sends it back. */
const cookieIn = (text: string | undefined) => text?.split(";")[0] ?? "";

describe.each(kinds)("%s", (kind) => {
  describe.each(modes)("over %s", (_name, transports) => {
    test("express-session: a socket has the session of the login, and what it saves the pages see", async () => {
      const { pages, setup } = withSessions();
      const { port } = await started(kind, setup, { pages });
      const login = await request(port, "GET", "/login/ann");
      const cookie = cookieIn(header(login, "set-cookie"));
      const one = await connected(port, { path, transports, extraHeaders: { cookie } });
      const other = await connected(port, { path, transports, extraHeaders: { cookie } });
      expect(await one.emitWithAck("who")).toBe("ann");
      expect(await one.emitWithAck("count")).toBe(1);
      expect(await other.emitWithAck("count")).toBe(2);
      expect((await request(port, "GET", "/count", { headers: { cookie } })).body.toString()).toContain("2");
      const stranger = await connected(port, { path, transports });
      expect(await stranger.emitWithAck("who")).toBeNull();
    });

    test("passport: who has not logged in is refused, who has is socket.request.user", async () => {
      const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: false });
      const authenticator = new passport.Passport();
      authenticator.use(
        new Strategy((username, password, done) => done(null, password === "right" ? { id: username } : false)),
      );
      authenticator.serializeUser((user, done) => done(null, (user as { id: string }).id));
      authenticator.deserializeUser((id, done) => done(null, { id }));
      const pages = express();
      pages.use(sessions as never, express.urlencoded({ extended: false }), authenticator.session() as never);
      pages.post("/login", authenticator.authenticate("local") as never, (_, response) => response.end("welcome"));
      const { port } = await started(
        kind,
        (io) => {
          io.engine.use(onlyForHandshake(sessions as never));
          io.engine.use(onlyForHandshake(authenticator.session() as never));
          io.engine.use(
            onlyForHandshake((one, response, next) => {
              if ((one as { user?: unknown }).user) next();
              else response.writeHead(401).end();
            }),
          );
          io.on("connection", (socket) => {
            socket.emit("you", (socket.request as unknown as { user: { id: string } }).user.id);
          });
        },
        { pages },
      );
      const refused = client(port, { path, transports, reconnection: false });
      expect(await event(refused, "connect_error")).toBeInstanceOf(Error);
      const login = await request(port, "POST", "/login", {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "username=ann&password=right",
      });
      expect(login.status).toBe(200);
      const cookie = cookieIn(header(login, "set-cookie"));
      const socket = client(port, { path, transports, extraHeaders: { cookie } });
      expect(await event(socket, "you")).toBe("ann");
    });

    test("cookie-parser: socket.request.cookies", async () => {
      const seen: unknown[] = [];
      const { port } = await started(kind, (io) => {
        io.engine.use(cookieParser("secret"));
        io.on("connection", ({ request }) => seen.push((request as unknown as { cookies: unknown }).cookies));
      });
      await connected(port, { path, transports, extraHeaders: { cookie: "a=1; b=two%20words" } });
      await vi.waitFor(() => expect(seen).toEqual([{ a: "1", b: "two words" }]));
    });
  });

  describe.each(ways)("by %s", (way) => {
    test("helmet's headers and a session's cookie are in the response of a polling handshake", async () => {
      const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: true });
      const setup = (io: Server) => {
        io.engine.use(helmet());
        io.engine.use(sessions as never);
      };
      const { port } = await started(kind, setup, { way, options: { cookie: true } });
      const response = await request(port, "GET", POLLING);
      expect(response.status).toBe(200);
      expect(header(response, "x-content-type-options")).toBe("nosniff");
      expect(header(response, "strict-transport-security")).toMatch(/max-age=\d+/);
      expect(header(response, "content-type")).toBe("text/plain; charset=UTF-8");
    });

    test("they are in the response of an upgrade", async () => {
      const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: true });
      const { port } = await started(
        kind,
        (io) => {
          io.engine.use(helmet());
          io.engine.use(sessions as never);
        },
        { way },
      );
      const { response } = await upgrade(port, webSocketTarget());
      expect(response.status).toBe(101);
      expect(header(response, "x-content-type-options")).toBe("nosniff");
      expect(header(response, "set-cookie")).toMatch(/^connect\.sid=/);
    });

    test("each request passes by all of them, in order", async () => {
      const seen: string[] = [];
      const step =
        (name: string): Middleware =>
        (request, _, next) => {
          const { method } = request;
          const sid = (request as unknown as { _query: { sid?: string } })._query.sid;
          seen.push(`${name} ${method}${sid ? " sid" : ""}`);
          setImmediate(next);
        };
      const { port } = await started(
        kind,
        (io) => {
          io.engine.use(step("first"));
          io.engine.use(step("second"));
        },
        { way },
      );
      const socket = await connected(port, { path, transports: ["polling"] });
      await vi.waitFor(() => expect(seen).toContain("second POST sid"));
      expect(seen.slice(0, 2)).toEqual(["first GET", "second GET"]);
      socket.disconnect();
    });
  });

  test("an error of a middleware refuses: 400, and connection_error says why", async () => {
    const errors: unknown[] = [];
    const { port } = await started(kind, (io) => {
      io.engine.use((_request: IncomingMessage, _response: ServerResponse, next: Next) => next(new Error("no")));
      io.engine.on("connection_error", ({ req, code, message, context }) =>
        errors.push([req.url.split("?")[0], code, message, context]),
      );
    });
    const polled = await request(port, "GET", POLLING);
    expect([polled.status, polled.body.toString()]).toEqual([400, '{"code":3,"message":"Bad request"}']);
    const upgraded = await upgrade(port, webSocketTarget());
    expect([upgraded.response.status, upgraded.response.body.toString()]).toEqual([400, "Bad request"]);
    const expected = ["/socket.io/", 3, "Bad request", { name: "MIDDLEWARE_FAILURE" }];
    expect(errors).toEqual([expected, expected]);
  });

  test("a preflight is answered before any middleware", async () => {
    const { port } = await started(
      kind,
      (io) => {
        io.engine.use((_request: IncomingMessage, _response: ServerResponse, next: Next) => next(new Error("no")));
      },
      { options: { cors: { origin: "http://page.example", methods: ["GET"] } } },
    );
    const headers = { origin: "http://page.example", "access-control-request-method": "POST" };
    const response = await request(port, "OPTIONS", POLLING, { headers });
    expect([response.status, header(response, "access-control-allow-origin")]).toEqual([204, "http://page.example"]);
    expect((await request(port, "GET", POLLING, { headers: { origin: "http://page.example" } })).status).toBe(400);
  });

  test("a middleware that answers itself ends the request", async () => {
    const { port } = await started(kind, (io) => {
      io.engine.use((_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(402, { "x-why": "test" });
        response.end("pay");
      });
    });
    const polled = await request(port, "GET", POLLING);
    expect([polled.status, header(polled, "x-why"), polled.body.toString()]).toEqual([402, "test", expect.any(String)]);
    await expect(upgrade(port, webSocketTarget())).rejects.toThrow();
  });

  test("middleware in io.use() takes socket.request, too, and sockets of one connection share it", async () => {
    const sessions = session({ secret: "a secret of the test", resave: false, saveUninitialized: true });
    const seen: unknown[] = [];
    const { port } = await started(kind, (io) => {
      const wrapped = (socket: Socket, next: Next) => sessions(socket.request as never, {} as never, next as never);
      io.use(wrapped as never);
      io.on("connection", (socket) => {
        visitOf(socket).user = "ann";
      });
      io.of("/other").on("connection", (socket) => seen.push(visitOf(socket).user));
    });
    const socket = await connected(port, { path, transports: ["websocket"] });
    const other = socket.io.socket("/other");
    await event(other, "connect");
    await vi.waitFor(() => expect(seen).toEqual(["ann"]));
  });

  test("what allowRequest puts on a request is there at the socket", async () => {
    const seen: unknown[] = [];
    const options = {
      allowRequest: (one: IncomingMessage, callback: (error: null, success: boolean) => void) => {
        Object.assign(one, { tenant: "acme" });
        callback(null, true);
      },
    };
    const { port } = await started(
      kind,
      (io) => io.on("connection", ({ request }) => seen.push((request as unknown as { tenant: string }).tenant)),
      { options },
    );
    for (const [, transports] of modes) await connected(port, { path, transports });
    await vi.waitFor(() => expect(seen).toEqual(["acme", "acme", "acme"]));
  });
});

test.skipIf(oracleOnly)(
  "cookies that a foreign page's visitor would send along are not shown to middleware",
  async () => {
    const seen: unknown[] = [];
    const { port } = await started(
      "ours",
      (io) => {
        io.engine.use((one: IncomingMessage, _: ServerResponse, next: Next) => {
          seen.push([one.headers.cookie, one.rawHeaders.some((name) => name.toLowerCase() === "cookie")]);
          next();
        });
      },
      { options: { cors: { origin: "*" } } },
    );
    const headers = { cookie: "session=ann", origin: "http://evil.example" };
    await request(port, "GET", POLLING, { headers });
    await upgrade(port, webSocketTarget(), { headers });
    await request(port, "GET", POLLING, { headers: { cookie: "session=ann" } });
    expect(seen).toEqual([
      [undefined, false],
      [undefined, false],
      ["session=ann", true],
    ]);
  },
);

test.skipIf(oracleOnly)("a request is kept as long as its connection, whatever becomes of it", async () => {
  let allowed = true;
  const refusals: number[] = [];
  const options = {
    allowRequest: (_: IncomingMessage, callback: (error: null, success: boolean) => void) => callback(null, allowed),
  };
  const { io, port } = await started(
    "ours",
    (one) => {
      one.engine.use((request: IncomingMessage, response: ServerResponse, next: Next) => {
        if (request.url?.includes("answered")) response.end();
        else next(request.url?.includes("failed") ? new Error("no") : undefined);
      });
      one.engine.on("connection_error", ({ code }: { code: number }) => refusals.push(code));
      one.on("connection", () => {});
    },
    { options },
  );
  const kept = () => (io.engine as unknown as { _hooks: { kept: number } })._hooks.kept;
  const sockets = [];
  for (const [, transports] of modes) sockets.push(await connected(port, { path, transports, reconnection: false }));
  await vi.waitFor(() => expect(kept()).toBeGreaterThanOrEqual(3));
  const silent = await upgrade(port, webSocketTarget());
  allowed = false;
  for (const query of ["EIO=4&transport=polling", "EIO=4&transport=owl", "EIO=4&transport=polling&sid=nobody"]) {
    await request(port, "GET", `/socket.io/?${query}`);
    await upgrade(port, `/socket.io/?${query.replace("polling", "websocket")}`);
  }
  await vi.waitFor(() => expect(refusals).toHaveLength(6));
  for (const way of ["answered", "failed"]) {
    await request(port, "GET", `${POLLING}&${way}`);
    await upgrade(port, webSocketTarget({ query: `&${way}` })).catch(() => {});
  }
  for (const socket of sockets) socket.disconnect();
  silent.connection.destroy();
  await vi.waitFor(() => expect(kept()).toBe(0));
});
