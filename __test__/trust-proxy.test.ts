// A proxy in front: its word on the host and the address counts if the operator says so, and never otherwise.
import { afterEach, describe, expect, test } from "vitest";
import { type Attached, connected, MODES, startAttached } from "./support/nself.js";
import { request, upgrade, WebSocketSession, webSocketTarget } from "./support/raw.js";

type RealtimeOptions = import("../ts/server/index.js").RealtimeOptions;

let running: Attached | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function verdicts(port: number, headers: Record<string, string>) {
  const get = await request(port, "GET", "/api/ws/?EIO=4&transport=polling", { headers });
  const ws = await upgrade(port, webSocketTarget({ path: "/api/ws/" }), { headers });
  ws.connection.destroy();
  return [get.status, ws.response.status];
}

const Origin = "https://admin.example";
const forwarded = { "X-Forwarded-Host": "admin.example", "X-Forwarded-Proto": "https" };

test("without trustProxy a page cannot make its own host ours", async () => {
  running = await startAttached();
  expect(await verdicts(running.port, { Origin, ...forwarded })).toEqual([403, 400]);
  expect(await verdicts(running.port, { Origin, Forwarded: "host=admin.example;proto=https" })).toEqual([403, 400]);
});

test("with it the host that the proxy was asked for is ours", async () => {
  running = await startAttached({ trustProxy: true });
  const { port } = running;
  expect(await verdicts(port, { Origin, ...forwarded })).toEqual([200, 101]);
  expect(await verdicts(port, { Origin, "X-Forwarded-Host": "evil.example, admin.example" })).toEqual([200, 101]);
  // The entry of the proxy counts, not what its client wrote before it.
  expect(await verdicts(port, { Origin, "X-Forwarded-Host": "admin.example, other.example" })).toEqual([403, 400]);
  expect(await verdicts(port, { Origin: "https://evil.example", ...forwarded })).toEqual([403, 400]);
  // A proxy that passes the Host header on.
  expect(await verdicts(port, { Origin, Host: "admin.example" })).toEqual([200, 101]);
  expect(await verdicts(port, { Origin, Forwarded: "host=admin.example" })).toEqual([403, 400]);
});

test("or what it says by RFC 7239", async () => {
  running = await startAttached({ trustProxy: { header: "forwarded" } });
  const { port } = running;
  expect(await verdicts(port, { Origin, Forwarded: 'for=192.0.2.1;host="admin.example";proto=https' })).toEqual([
    200, 101,
  ]);
  expect(await verdicts(port, { Origin, ...forwarded })).toEqual([403, 400]);
});

describe("what a client writes itself", () => {
  /** The address that `authenticate` sees of a request with these lines, as they are. */
  async function seen(trustProxy: RealtimeOptions["trustProxy"], lines: string[]) {
    let address = "";
    running = await startAttached({
      ...(trustProxy !== undefined && { trustProxy }),
      authenticate: (handshake) => {
        address = handshake.address.replace("::ffff:", "");
        return null;
      },
    });
    const session = await WebSocketSession.open(running.port, {
      path: "/api/ws/",
      headers: { "X-Before": `x\r\n${lines.join("\r\n")}` },
    });
    expect(await session.join()).toMatch(/^44/);
    return address;
  }

  test.each([
    [
      "a line of its own before the proxy's",
      true,
      ["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 192.0.2.1"],
      "192.0.2.1",
    ],
    ["a list", true, ["X-Forwarded-For: 6.6.6.6, 7.7.7.7,192.0.2.1"], "192.0.2.1"],
    ["a list for two proxies", 2, ["X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.9"], "192.0.2.1"],
    ["two lines for two proxies", 2, ["X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-For: 10.0.0.9"], "192.0.2.1"],
    ["nonsense where the proxy writes", true, ["X-Forwarded-For: 6.6.6.6, unknown"], "127.0.0.1"],
    ["an empty end", true, ["X-Forwarded-For: 6.6.6.6,"], "127.0.0.1"],
    ["the other header", true, ["Forwarded: for=6.6.6.6"], "127.0.0.1"],
    [
      "headers of other proxies",
      true,
      ["X-Real-IP: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "Client-IP: 6.6.6.6"],
      "127.0.0.1",
    ],
    ["anything, without trustProxy", undefined, ["X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6"], "127.0.0.1"],
    [
      "a host with a list in it",
      { header: "forwarded" },
      ['Forwarded: for=192.0.2.1;host="a,for=6.6.6.6"'],
      "192.0.2.1",
    ],
    ["a quote left open", { header: "forwarded" }, ['Forwarded: for=6.6.6.6;x=", for=192.0.2.1;host=a'], "192.0.2.1"],
  ] as const)("%s", async (_, trustProxy, lines, expected) => {
    expect(await seen(trustProxy, [...lines])).toBe(expected);
  });
});

describe.each(Object.entries(MODES))("the client's address over %s", (_, transports) => {
  async function seen(trustProxy: boolean | number, headers: Record<string, string>) {
    let address: unknown[] = [];
    running = await startAttached({
      trustProxy,
      authenticate: (handshake) => {
        address = [handshake.address.replace("::ffff:", ""), handshake.secure];
        return { userId: "ann" };
      },
    });
    await connected(running.port, { transports, extraHeaders: headers });
    return address;
  }

  const headers = { "X-Forwarded-For": "6.6.6.6, 192.0.2.1, 10.0.0.9", "X-Forwarded-Proto": "https" };

  test.each([
    [false, ["127.0.0.1", false]],
    [true, ["10.0.0.9", true]],
    [2, ["192.0.2.1", true]],
  ])("with trustProxy %s", async (trustProxy, expected) => {
    expect(await seen(trustProxy, headers)).toEqual(expected);
  });
});
