import { describe, expect, it } from "vitest";
import { parseRealtimeOptions, parseServerOptions } from "./parse-options.js";

const code = (options: object, parse = parseServerOptions) => {
  try {
    parse(options);
  } catch (error) {
    return [(error as { code: string }).code, (error as Error).message] as const;
  }
  return undefined;
};

describe("options of Server", () => {
  it("keep Socket.IO's defaults by leaving them to the native side", () => {
    expect(parseServerOptions({})).toMatchObject({ path: "/socket.io", native: { path: "/socket.io" } });
    expect(parseServerOptions({ path: "/x/", connectTimeout: 0 }).native).toEqual({
      path: "/x",
      connectTimeout: 45_000,
    });
  });

  it.each([
    [{ pingInterval: "25" }, "pingInterval"],
    [{ pingTimeout: 0 }, "pingTimeout"],
    [{ pingInterval: Number.NaN }, "pingInterval"],
    [{ pingInterval: Number.POSITIVE_INFINITY }, "pingInterval"],
    [{ maxHttpBufferSize: 0 }, "maxHttpBufferSize"],
    [{ maxHttpBufferSize: Number.NaN }, "maxHttpBufferSize"],
    [{ transports: [] }, "transports"],
    [{ allowRequest: true }, "allowRequest"],
    [{ cookie: { name: "a b" } }, "cookie.name"],
    [{ cookie: { path: "/;x" } }, "cookie.path"],
    [{ cors: { origin: 7 } }, "cors.origin"],
    [{ cors: { origin: [/x/, "https://a/"] } }, "cors.origin"],
    [{ serveClient: "yes" }, "serveClient"],
    [{ path: null }, "path"],
  ])("refuse the value of %o", (options, name) => {
    expect(code(options)).toEqual(["ERR_INVALID_OPTION", expect.stringContaining(`"${name}"`)]);
  });

  it.each([
    [{ adapter: () => {} }, "adapter"],
    [{ perMessageDeflate: { windowBits: 9 } }, "perMessageDeflate.windowBits"],
    [{ transports: ["webtransport"] }, "transports"],
    [{ cors: { preflightContinue: true } }, "cors.preflightContinue"],
    [{ authenticate: () => null }, "authenticate"],
    [{ pingIntervall: 1 }, "pingIntervall"],
  ])("refuse by name what is not supported: %o", (options, name) => {
    expect(code(options)).toEqual(["ERR_UNSUPPORTED_OPTION", expect.stringContaining(`"${name}"`)]);
  });

  it("are taken as Socket.IO takes them", () => {
    const native = (options: object) => parseServerOptions(options).native;
    for (const off of [false, null]) {
      const none = { cors: off, cookie: off, connectionStateRecovery: off };
      expect(native(none)).toEqual({ path: "/socket.io" });
      expect(native({ httpCompression: off }).httpCompressionThreshold).toBe(0);
    }
    expect(native({ pingInterval: 1e3 / 3, pingTimeout: 1.5 })).toMatchObject({ pingInterval: 333, pingTimeout: 2 });
    const most = 2 ** 32 - 1;
    for (const size of [1e10, Number.POSITIVE_INFINITY])
      expect(native({ maxHttpBufferSize: size }).maxHttpBufferSize).toBe(most);
    expect(native({ maxHttpBufferSize: 1.5e6 + 0.5 }).maxHttpBufferSize).toBe(1_500_001);
    const recovery = { recoveryDuration: 120_000, recoverySkipsMiddlewares: true };
    expect(native({ connectionStateRecovery: true })).toMatchObject(recovery);
    expect(native({ connectionStateRecovery: {} })).toMatchObject(recovery);
    expect(native({ httpCompression: { level: 1, memLevel: 9 } }).httpCompressionThreshold).toBe(1024);
    for (const path of [false, ""])
      expect(native({ cookie: { path } }).cookieAttributes).toBe("; HttpOnly; SameSite=Lax");
  });

  it("warn of what cors does not know, once, and go on", async () => {
    const warnings: string[] = [];
    const listener = (warning: Error) => warnings.push(warning.message);
    process.on("warning", listener);
    for (let i = 0; i < 2; i++) {
      expect(parseServerOptions({ cors: { origin: ["https://a"], allowEIO3: true } }).native.cors).toEqual({
        origins: ["https://a"],
        fixed: false,
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listener);
    expect(warnings).toEqual([expect.stringContaining("allowEIO3")]);
  });

  it.each([
    [{ pingIntervall: 1 }, "pingInterval"],
    [{ maxhttpbuffersize: 1 }, "maxHttpBufferSize"],
    [{ presence: { grase: 1 } }, "grace"],
    [{ presence: { smallroom: 1 } }, "smallRoom"],
    [{ rateLimit: { peruser: false } }, "perUser"],
    [{ completelyElse: 1 }, undefined],
  ])("say what was meant by %o", (options, meant) => {
    const [, message = ""] = code(options, parseRealtimeOptions) ?? [];
    expect(/did you mean "(\w+)"\?$/.exec(message)?.[1]).toBe(meant);
  });

  it("accept false for what is off anyway, and undefined for anything", () => {
    const off = { perMessageDeflate: false, allowEIO3: false, serveClient: false, adapter: undefined, cookie: false };
    expect(parseServerOptions(off).native).toEqual({ path: "/socket.io" });
  });

  it.each([
    ["http://localhost:3000/", '"http://localhost:3000"'],
    ["https://app.example/admin", '"https://app.example"'],
    ["https://app.example?x", '"https://app.example"'],
    [" https://app.example", '"https://app.example"'],
    ["https://a.example, https://b.example", '["https://a.example","https://b.example"]'],
    ["app.example", '"https://app.example"'],
    ["localhost:3000", '"https://localhost:3000"'],
    ["https://App.Example", '"https://app.example"'],
    ["HTTPS://app.example", '"https://app.example"'],
    ["https://app.example:443", '"https://app.example"'],
    ["https://ann@app.example", '"https://app.example"'],
    ["capacitor://localhost/", '"capacitor://localhost"'],
    ["*.example.com", String.raw`the expression /^https:\/\/[^./]+\.example\.com$/`],
    ["https://*.example.com", String.raw`the expression /^https:\/\/[^./]+\.example\.com$/`],
    ["http://localhost:*", String.raw`the expression /^http:\/\/localhost:\d+$/`],
    ["https://", "is none"],
    ["", "not empty"],
  ])("refuse the origin %j, which can match nothing, and say what is meant", (origin, meant) => {
    for (const value of [origin, [origin], ["https://good.example", origin]]) {
      const found = code({ cors: { origin: value } });
      expect(found).toEqual(["ERR_INVALID_OPTION", expect.stringContaining('"cors.origin"')]);
      expect(found?.[1]).toContain(meant);
    }
  });

  it.each([undefined, null, [undefined]])("never take origin: %j for any origin", (origin) => {
    expect(code({ cors: { origin } })).toEqual(["ERR_INVALID_OPTION", expect.stringContaining('"cors.origin"')]);
    expect(code({ cors: { origin, credentials: true } }, parseRealtimeOptions)?.[0]).toBe("ERR_INVALID_OPTION");
  });

  it.each([
    "http://localhost:3000",
    "https://app.example",
    "https://xn--dmin-moa.example",
    "http://[::1]:3000",
    "wss://app.example",
    "capacitor://localhost",
    "chrome-extension://abcdefgh",
    "file://",
    "null",
    "*",
  ])("take the origin %s", (origin) => {
    expect(parseServerOptions({ cors: { origin: [origin] } }).native.cors?.origins).toEqual([origin]);
  });

  it("write the cookie as Socket.IO does", () => {
    expect(parseServerOptions({ cookie: true }).native).toMatchObject({
      cookieName: "io",
      cookieAttributes: "; Path=/; HttpOnly; SameSite=Lax",
    });
    const cookie = { name: "s", maxAge: 60, secure: true, sameSite: "none", httpOnly: false, domain: "a.b" };
    expect(parseServerOptions({ cookie }).native.cookieAttributes).toBe(
      "; Max-Age=60; Domain=a.b; Path=/; Secure; SameSite=None",
    );
  });

  it("turn cors and compression into the native side's terms", () => {
    const cors = (value: unknown) => parseServerOptions({ cors: value }).native.cors;
    expect(cors(false)).toBeUndefined();
    expect(cors(true)).toEqual({ origins: ["*"] });
    expect(cors({ origin: true })).toEqual({ origins: [], reflect: true });
    expect(cors({ origin: ["https://a"], credentials: true })).toMatchObject({ credentials: true });
    expect(cors({ origin: "https://a", methods: ["GET", "POST"] })).toEqual({
      origins: ["https://a"],
      fixed: true,
      methods: "GET,POST",
    });
    expect(cors({ origin: ["https://a"] })).toEqual({ origins: ["https://a"], fixed: false });
    const threshold = (value: unknown) =>
      parseServerOptions({ httpCompression: value }).native.httpCompressionThreshold;
    expect([false, true, { threshold: 0 }, { threshold: 9 }].map(threshold)).toEqual([0, 1024, 1, 9]);
  });
});

describe("options of the real-time layer", () => {
  it("have nself's defaults, which undefined does not override", () => {
    expect(parseRealtimeOptions({ path: undefined, pingTimeout: undefined })).toMatchObject({
      path: "/api/ws",
      shutdownTimeout: 5000,
      native: {
        transports: ["websocket", "polling"],
        pingInterval: 30_000,
        pingTimeout: 10_000,
        maxHttpBufferSize: 65_536,
        nselfLayer: true,
      },
    });
  });

  it("take batch and authenticate", () => {
    const authenticate = () => null;
    const parsed = parseRealtimeOptions({ authenticate, batch: { maxEvents: 5, window: 50 } });
    expect(parsed).toMatchObject({ authenticate, native: { batchMaxEvents: 5, batchWindow: 50 } });
    expect(code({ batch: { size: 1 } }, parseRealtimeOptions)?.[1]).toContain('"batch.size"');
  });

  it("take who may connect and join in the native side's terms", () => {
    const authorizeJoin = () => true;
    const key = "k".repeat(32);
    const parsed = parseRealtimeOptions({ authorizeJoin, tickets: { keys: [key] }, maxRooms: 9, trustProxy: 2 });
    expect(parsed).toMatchObject({
      authorizeJoin,
      native: { authorizeJoin: true, ticketKeys: [key], maxRooms: 9, proxyHops: 2 },
    });
    const native = (trustProxy: unknown) => parseRealtimeOptions({ trustProxy }).native;
    expect(native(true)).toMatchObject({ proxyHops: 1 });
    expect(native({ header: "forwarded" })).toMatchObject({ proxyHops: 1, proxyForwarded: true });
    expect(native(false).proxyHops).toBeUndefined();
  });

  it.each([
    [{ authorizeJoin: true }, "authorizeJoin"],
    [{ maxRoomsPerSocket: 0 }, "maxRoomsPerSocket"],
    [{ maxPendingAuthentications: 1.5 }, "maxPendingAuthentications"],
    [{ tickets: { keys: [] } }, "tickets.keys"],
    [{ tickets: { keys: ["short"] } }, "tickets.keys"],
    [{ trustProxy: 0 }, "trustProxy"],
    [{ trustProxy: "loopback" }, "trustProxy"],
    [{ trustProxy: { header: "via" } }, "trustProxy.header"],
  ])("refuse the value of %o", (options, name) => {
    expect(code(options, parseRealtimeOptions)).toEqual(["ERR_INVALID_OPTION", expect.stringContaining(`"${name}"`)]);
  });
});
