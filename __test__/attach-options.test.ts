// What attach(), register() and listen() refuse, and how they say it.
import { createServer } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { connected, realtime, startAttached, warningsOf } from "./support/nself.js";

const { attach, getWebSocketServer, listen, register, Server } = realtime;

afterEach(() => getWebSocketServer().shutdown());

const refusal = (code: string, part: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(part) });

describe("a second server", () => {
  test("attach() to another HTTP server says what to do, and leaves the first alone", async () => {
    const running = await startAttached();
    expect(attach(running.http)).toBe(running.server);
    expect(() => attach(createServer())).toThrow(refusal("ERR_ALREADY_ATTACHED", "getWebSocketServer()"));
    expect(() => getWebSocketServer().initialize(createServer())).toThrow(
      refusal("ERR_ALREADY_ATTACHED", "shutdown()"),
    );
    await expect(listen({ port: 0 })).rejects.toEqual(refusal("ERR_ALREADY_ATTACHED", "another HTTP server"));
    await connected(running.port);
    await running.close();
  });

  test("register() covers attach() without options, and says so; with other options it is refused", async () => {
    register();
    const http = createServer();
    const warnings = await warningsOf(() => expect(attach(http)).toBe(getWebSocketServer()));
    expect(warnings).toEqual([{ code: "NSELF_ATTACHED", message: expect.stringContaining("changes nothing") }]);
    expect(() => attach(http, { pingInterval: 100 })).toThrow(refusal("ERR_ALREADY_ATTACHED", "register()"));
  });

  test("a second register() with options warns that they are not used", async () => {
    register({ pingInterval: 1000 });
    expect(await warningsOf(() => register())).toEqual([]);
    const warnings = await warningsOf(() => register({ pingInterval: 2000 }));
    expect(warnings.map(({ code }) => code)).toEqual(["NSELF_REGISTERED"]);
  });
});

describe("wrong options are refused at the call, by their name", () => {
  const wrong: Array<[string, object]> = [
    ["pingInterval", { pingInterval: 0 }],
    ["pingInterval", { pingInterval: "30s" }],
    ["pingTimeout", { pingTimeout: -1 }],
    ["pingTimeout", { pingTimeout: Number.NaN }],
    ["upgradeTimeout", { upgradeTimeout: "1.5" }],
    ["connectTimeout", { connectTimeout: 2 ** 31 }],
    ["maxHttpBufferSize", { maxHttpBufferSize: 0 }],
    ["maxOutbox", { maxOutbox: "1mb" }],
    ["path", { path: 7 }],
    ["path", { path: "/a?b" }],
    ["path", { path: "" }],
    ["transports", { transports: [] }],
    ["transports", { transports: ["websockets"] }],
    ["transports", { transports: "polling" }],
    ["allowUpgrades", { allowUpgrades: 1 }],
    ["authenticate", { authenticate: true }],
    ["allowRequest", { allowRequest: {} }],
    ["batch", { batch: 10 }],
    ["batch.maxEvents", { batch: { maxEvents: 0 } }],
    ["batch.window", { batch: { window: "100" } }],
    ["shutdownTimeout", { shutdownTimeout: -1 }],
    ["cors.origin", { cors: { origin: ["https://*.example.com"] } }],
    ["serveClient", { serveClient: 1 }],
    ["cookie.name", { cookie: { name: "a b" } }],
    ["httpCompression", { httpCompression: "gzip" }],
  ];
  test.each(wrong)("%s of %j", async (name, options) => {
    const expected = refusal("ERR_INVALID_OPTION", `"${name}"`);
    expect(() => attach(createServer(), options)).toThrow(expected);
    expect(() => register(options)).toThrow(expected);
    if (name !== "allowRequest") await expect(listen({ port: 0, ...options })).rejects.toEqual(expected);
    // Nothing was opened on the way.
    expect(() => getWebSocketServer().stats()).toThrow(expect.objectContaining({ code: "ERR_NOT_RUNNING" }));
  });

  test.each([
    ["port", { port: -1 }],
    ["port", { port: 65_536 }],
    ["port", { port: "3000" as unknown as number }],
    ["host", { port: 0, host: "" }],
  ])("%s of listen(%j)", async (name, options) => {
    await expect(listen(options)).rejects.toEqual(refusal("ERR_INVALID_OPTION", `"${name}"`));
  });

  test("attach() to what is no HTTP server", () => {
    for (const server of [undefined, null, 3021, {}, () => {}]) {
      expect(() => attach(server as never)).toThrow(refusal("ERR_INVALID_OPTION", "http.Server"));
    }
  });
});

describe("what is not there is refused by its name, never ignored", () => {
  const unsupported: Array<[string, object]> = [
    ["pingIntervall", { pingIntervall: 100 }],
    ["batch.size", { batch: { size: 1 } }],
    ["cors.orgin", { cors: { orgin: "*" } }],
    ["cookie.samesite", { cookie: { samesite: "lax" } }],
    ["perMessageDeflate", { perMessageDeflate: true }],
    ["allowEIO3", { allowEIO3: true }],
    ["adapter", { adapter: () => {} }],
    ["parser", { parser: {} }],
    ["wsEngine", { wsEngine: class {} }],
    ["transports", { transports: ["websocket", "webtransport"] }],
  ];
  test.each(unsupported)("option %s", (name, options) => {
    const expected = refusal("ERR_UNSUPPORTED_OPTION", `"${name}"`);
    expect(() => attach(createServer(), options)).toThrow(expected);
    expect(() => register(options)).toThrow(expected);
  });

  test("options that belong to the real-time layer alone, on Server", () => {
    for (const name of ["authenticate", "batch", "shutdownTimeout"]) {
      expect(() => new Server({ [name]: undefined })).not.toThrow();
      expect(() => new Server({ [name]: 1 })).toThrow(refusal("ERR_UNSUPPORTED_OPTION", `"${name}"`));
    }
  });

  test("allowRequest in listen mode", async () => {
    await expect(listen({ port: 0, allowRequest: (_, callback) => callback(null, true) })).rejects.toEqual(
      refusal("ERR_UNSUPPORTED_OPTION", '"allowRequest"'),
    );
  });

  test("an option that is undefined counts as absent", async () => {
    const running = await startAttached({ pingInterval: undefined, authenticate: undefined } as object);
    await connected(running.port);
    await running.close();
  });
});
