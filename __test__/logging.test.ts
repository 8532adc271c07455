// The server's log: to a function or to stderr, by level, short, and without secrets.
import { afterEach, expect, test, vi } from "vitest";
import type { LogEntry, RealtimeOptions } from "../ts/server/index.js";
import { endChildren, startServerProgram } from "./support/child.js";
import { type Attached, closeClients, connected, join, startAttached } from "./support/nself.js";
import { elapse, PollingSession, Queue, request, upgrade, WebSocketSession } from "./support/raw.js";

const PATH = "/api/ws/";
let running: Attached | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
  closeClients();
  endChildren();
});

async function start(options: RealtimeOptions): Promise<{ port: number; entries: Queue<LogEntry> }> {
  const entries = new Queue<LogEntry>();
  running = await startAttached({ logger: (entry) => entries.push(entry), ...options });
  return { port: running.port, entries };
}

const foreign = { Origin: "http://evil.example" };

test("a refused connection says why on the server, and little to the client", async () => {
  const { port, entries } = await start({});
  const refused = await upgrade(port, `${PATH}?EIO=4&transport=websocket`, { headers: foreign });
  expect(refused.response.status).toBe(400);
  expect(refused.response.body.toString()).not.toContain("cors");
  expect(await entries.next("a line")).toMatchObject({
    level: "warn",
    target: expect.stringContaining("nself_realtime"),
    message: expect.stringContaining("cors.origin"),
  });
});

test("limits say whom they refused", async () => {
  const { port, entries } = await start({ maxConnections: 1 });
  await connected(port);
  expect((await request(port, "GET", `${PATH}?EIO=4&transport=polling`)).status).toBe(503);
  expect(await entries.next("a line")).toMatchObject({ level: "warn", fields: { remote: "127.0.0.1" } });
});

test("a level shows what is of it and above", async () => {
  const { port, entries } = await start({ logLevel: "error" });
  await upgrade(port, `${PATH}?EIO=4&transport=websocket`, { headers: foreign });
  await running?.close();
  expect(entries.size).toBe(0);

  const verbose = await start({ logLevel: "info" });
  await request(verbose.port, "GET", `${PATH}?EIO=9&transport=polling`);
  expect(await verbose.entries.next("a line")).toMatchObject({
    level: "info",
    fields: { reason: "Unsupported protocol version" },
  });
});

test("a flood of the same line becomes one with a count", async () => {
  const { port, entries } = await start({});
  for (let i = 0; i < 50; i++) await request(port, "GET", `${PATH}?EIO=4&transport=polling`, { headers: foreign });
  const lines: string[] = [];
  while (!lines.some((line) => /more times/.test(line))) {
    lines.push((await entries.next("the count")).message);
  }
  expect(lines.length).toBeLessThan(40);
});

test("a logger that throws takes nothing with it", async () => {
  const { port } = await start({
    logger: () => {
      throw new Error("the logger's own bug");
    },
  });
  await request(port, "GET", `${PATH}?EIO=4&transport=polling`, { headers: foreign });
  expect((await connected(port)).connected).toBe(true);
});

test("without a logger readable lines go to stderr, and RUST_LOG has the last word", async () => {
  const quiet = await startServerProgram("attach");
  await upgrade(quiet.port, `${PATH}?EIO=4&transport=websocket`, { headers: foreign });
  await request(quiet.port, "GET", `${PATH}?EIO=9&transport=polling`);
  await vi.waitFor(() => expect(quiet.errors()).toContain("nself-realtime warn: refused a foreign Origin"));
  expect(quiet.errors()).not.toContain("info:");

  const loud = await startServerProgram("attach", { logLevel: "error" }, { env: { RUST_LOG: "nself_realtime=info" } });
  await request(loud.port, "GET", `${PATH}?EIO=9&transport=polling`);
  await vi.waitFor(() => expect(loud.errors()).toContain("nself-realtime info: refused a request reason=Unsupported"));
});

test("whatever happens, no session id, cookie or token is in the output", async () => {
  const { port, errors } = await startServerProgram(
    "attach",
    { maxHttpBufferSize: 1000 },
    { env: { RUST_LOG: "trace" } },
  );
  const secrets = ["COOKIESECRET", "BEARERSECRET", "QUERYSECRET", "AUTHSECRET", "EVENTSECRET", "ROOMSECRET"];
  const headers = { Cookie: "nself-session=COOKIESECRET", Authorization: "Bearer BEARERSECRET" };
  const session = await WebSocketSession.open(port, { path: PATH, query: "&token=QUERYSECRET", headers });
  const open = session.open?.sid as string;
  secrets.push(open, JSON.parse((await session.join("/", '{"token":"AUTHSECRET"}')).slice(2)).sid);
  session.send('42["EVENTSECRET",{"a":"EVENTSECRET"}]');
  session.send('420["join:room",{"roomId":"ROOMSECRET !"}]');
  await session.text();
  session.send('42["EVENTSECRET');
  await session.ws.rest();
  for (const bad of ["EVENTSECRET", `42["${"EVENTSECRET".repeat(200)}"]`, '451-["EVENTSECRET"]']) {
    const other = await WebSocketSession.open(port, { path: PATH, headers });
    await other.join();
    other.send(bad);
    if (bad.startsWith("45")) other.send("EVENTSECRET");
    await other.ws.rest();
    secrets.push(other.open?.sid as string);
  }
  const polling = await PollingSession.open(port, { path: PATH, query: "&token=QUERYSECRET", headers });
  secrets.push(polling.sid);
  await polling.post("EVENTSECRET");
  await request(port, "GET", `${PATH}?EIO=4&transport=polling&sid=SIDSECRETSIDSECRETxx`, { headers });
  await upgrade(port, `${PATH}?EIO=4&transport=websocket&sid=SIDSECRETSIDSECRETxx`, { headers });
  await request(port, "GET", `${PATH}?EIO=4&transport=polling&t=QUERYSECRET`, { headers: { ...headers, ...foreign } });
  await request(port, "BREW", `${PATH}?EIO=4&transport=QUERYSECRET`, { headers });
  secrets.push("SIDSECRET");
  await vi.waitFor(() => expect(errors()).toContain("bad Socket.IO packet"));
  await vi.waitFor(() => expect(errors()).toContain("refused a request"));
  await elapse(100);
  for (const secret of secrets) expect(errors()).not.toContain(secret);
});

test("an error output that nobody reads stops nobody", async () => {
  const server = await startServerProgram("listen");
  server.process.stderr?.pause();
  server.tell("flood");
  expect(await server.messages.next("the flood")).toBe("flooding");
  // It is full when this has gone by; if not, the test is no test, but does not fail.
  await elapse(1_000);
  for (let i = 0; i < 3; i++) {
    await upgrade(server.port, `${PATH}?EIO=4&transport=websocket`, { headers: foreign });
  }
  const client = await connected(server.port);
  expect(await join(client, "r")).toEqual({ ok: true });
  expect(server.errors()).not.toContain("cors.origin");
  server.process.stderr?.resume();
  await vi.waitFor(() => expect(server.errors().match(/cors\.origin/g)).toHaveLength(3), 10_000);
});
