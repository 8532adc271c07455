import { once } from "node:events";
import { createServer, get, type IncomingMessage, request, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { claim, hearUpgrades, matches } from "./intercept.js";

const ours = {
  request: (_: IncomingMessage, response: { end(text: string): void }) => response.end("ours"),
  upgrade: (_: IncomingMessage, socket: { end(text: string): void }) => socket.end("upgraded"),
};
const undo: Array<() => unknown> = [];
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

async function serve() {
  const server = createServer((_, response) => response.end("app"));
  undo.push(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const body = async (path: string) => {
    const [response] = (await once(get({ port, path, agent: false }), "response")) as [IncomingMessage];
    return (await response.setEncoding("utf8").toArray()).join("");
  };
  return { server, port, body };
}

async function raw(port: number, path: string, more = "") {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more}\r\n`);
  return (await socket.toArray()).join("");
}

describe("matches", () => {
  it.each([
    ["/api/ws/", false, true],
    ["/api/ws/?EIO=4", false, true],
    ["/api/ws?EIO=4&transport=polling", false, true],
    ["/api/ws", false, false],
    ["/api/ws?room=1", false, false],
    ["/api/ws", true, true],
    ["/api/ws/terminal", true, false],
    ["/api/wsx", true, false],
    ["/api/ws//", false, false],
    ["/x?/api/ws/", false, false],
  ])("%s, upgrade %s: %s", (url, upgrade, expected) => {
    expect(matches({ path: "/api/ws" }, url, upgrade)).toBe(expected);
  });

  it("what lies below, where it is claimed", () => {
    const path = "/socket.io";
    const below = (rest: string) => rest !== "app";
    const of = (url: string) => matches({ path, below }, url, false);
    const urls = ["/socket.io/x?a", "/socket.io/x/y", "/socket.io//", "/socket.io/app?b", "/socket.iox/", "/socket.io"];
    expect(urls.map(of)).toEqual([true, true, true, false, false, false]);
  });
});

describe("claim", () => {
  it("takes one path of one server and leaves the rest, until it is undone", async () => {
    const { server, body } = await serve();
    const release = claim(server, "/rt", ours);
    expect([await body("/rt/"), await body("/rt/x"), await body("/")]).toEqual(["ours", "app", "app"]);
    release();
    expect(await body("/rt/")).toBe("app");
    expect(Object.hasOwn(server, "emit")).toBe(false);
  });

  it("lets two claims on one server come and go in any order", async () => {
    const { server, body } = await serve();
    const first = claim(server, "/a", ours);
    const second = claim(server, "/b", ours);
    first();
    expect([await body("/a/"), await body("/b/")]).toEqual(["app", "ours"]);
    second();
    expect(Object.hasOwn(server, "emit")).toBe(false);
  });

  it("hears upgrades on a server without a listener for them, for every server of the process", async () => {
    undo.push(claim(Server.prototype, "/rt", ours));
    const { port } = await serve();
    expect(await raw(port, "/rt/?EIO=4")).toBe("upgraded");
  });

  it("gives foreign upgrades to the application as plain requests, unless it listens for them", async () => {
    const { server, port } = await serve();
    undo.push(claim(server, "/rt", ours));
    hearUpgrades(server);
    expect(await raw(port, "/other")).toMatch(/^HTTP\/1.1 200 OK[\s\S]*app$/);
    expect(await raw(port, "/other", "Content-Length: 1\r\n")).toMatch(/^HTTP\/1.1 400 /);
    server.on("upgrade", (_, socket) => socket.end("application"));
    expect(await raw(port, "/other")).toBe("application");
  });

  it("answers what lies below the path where no application listens", async () => {
    const server = new Server();
    undo.push(() => server.close());
    undo.push(claim(server, "/rt", ours));
    hearUpgrades(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const path of ["/rt/socket.io.js", "/rt/x", "/rt//", "/rt", "/rt?a=1", "/rt/x?EIO=4&transport=polling"]) {
      const [response] = (await once(get({ port, path, agent: false }), "response")) as [IncomingMessage];
      expect([path, response.resume().statusCode]).toEqual([path, 404]);
      expect(await raw(port, path === "/rt" || path === "/rt?a=1" ? "/rt/x" : path)).toMatch(/^HTTP\/1.1 404 /);
    }
  });

  it("answers Expect: 100-continue of an application that checks it", async () => {
    const { server, port } = await serve();
    server.on("checkContinue", (_, response) => response.end("app"));
    undo.push(claim(server, "/rt", ours));
    const sent = request({ port, method: "POST", path: "/rt/", headers: { Expect: "100-continue" }, agent: false });
    const answered = once(sent, "response");
    sent.flushHeaders();
    await once(sent, "continue");
    sent.end("x");
    const [response] = (await answered) as [IncomingMessage];
    expect((await response.setEncoding("utf8").toArray()).join("")).toBe("ours");
  });
});
