// What clients send while JavaScript is busy waits on the native side, as much as is bearable; then it is handed over a
// little at a time.
import { afterEach, expect, test, vi } from "vitest";
import type { ShutdownReport, Stats } from "../ts/server/process/stats.js";
import { type Child, endChildren, start } from "./support/child.js";
import { closeClients, connected, join } from "./support/nself.js";
import {
  CLOSE,
  dropConnections,
  encodeFrame,
  PING,
  PONG,
  PollingSession,
  TEXT,
  WebSocketSession,
} from "./support/raw.js";

vi.setConfig({ testTimeout: 60_000 });

const PATH = "/api/ws/";
const LONG = 40_000;
const NOTHING: Stats["inbox"] = { bytes: 0, paused: 0, unfinished: 0 };

interface Report {
  handled: number;
  connections: number;
  /** Events that came before one that was sent earlier. */
  disorder: number;
  /** Handlers that ran between two timers. */
  most: number;
  stats: Stats;
}

interface Busy extends Child {
  port: number;
  report(): Promise<Report>;
  /** Waits until so many events were handled. */
  handled(count: number): Promise<Report>;
}

const ports: number[] = [];

afterEach(() => {
  closeClients();
  for (const port of ports.splice(0)) dropConnections(port);
  endChildren();
});

async function startBusy(options: object, times: object = {}, node: string[] = []): Promise<Busy> {
  const child = start("busy.mjs", [JSON.stringify(options), JSON.stringify(times)], { node });
  const { port } = (await child.messages.next("the port of busy.mjs", LONG)) as { port: number };
  ports.push(port);
  const report = async () => {
    child.tell("report");
    return (await child.messages.next("a report", LONG)) as Report;
  };
  const handled = async (count: number) => {
    for (;;) {
      const found = await report();
      if (found.handled >= count) return found;
    }
  };
  return { ...child, port, report, handled };
}

/** The frame of a client's event number `number`, which is `size` bytes long, or as short as can be. */
function item(number: number, size = 0): Buffer {
  const text = `42["item",${number}`;
  return encodeFrame(TEXT, size > 0 ? `${text},"${"x".repeat(size - text.length - 4)}"]` : `${text}]`);
}

async function clients(port: number, count: number): Promise<WebSocketSession[]> {
  const sessions: WebSocketSession[] = [];
  for (let i = 0; i < count; i++) sessions.push(await WebSocketSession.open(port, { path: PATH }));
  await Promise.all(sessions.map((session) => session.join()));
  return sessions;
}

async function block(child: Busy, ms: number): Promise<void> {
  child.tell("block", { ms });
  expect(await child.lines.next("the block")).toBe("blocked");
}

test("more than the heap can hold, sent while JavaScript is busy, is all handled", async () => {
  const child = await startBusy({}, {}, ["--max-old-space-size=64"]);
  const sessions = await clients(child.port, 200);
  const frames = Array.from({ length: 12 }, (_, i) => item(i + 1, 65_000));
  await block(child, 3_000);
  for (const frame of frames) for (const { ws } of sessions) ws.connection.write(frame);
  const { handled, disorder, stats } = await child.handled(12 * 200);
  expect({ handled, disorder, inbox: stats.inbox }).toEqual({
    handled: 12 * 200,
    disorder: 0,
    inbox: NOTHING,
  });
});

test("the sum is kept, and everybody has a turn", async () => {
  const child = await startBusy({ maxInboxTotal: 2 ** 20 });
  const sessions = await clients(child.port, 100);
  const frames = Array.from({ length: 12 }, (_, i) => item(i + 1, 60_000));
  await block(child, 1_000);
  for (const { ws } of sessions) for (const frame of frames) ws.connection.write(frame);
  const { inbox } = (await child.report()).stats;
  expect(inbox.bytes).toBeGreaterThan(0);
  // What one client sends with one write may pass it.
  expect(inbox.bytes).toBeLessThan(2 ** 20 + 100_000);
  expect(inbox.paused).toBeGreaterThan(0);
  const { disorder, stats } = await child.handled(12 * 100);
  expect({ disorder, inbox: stats.inbox }).toEqual({ disorder: 0, inbox: NOTHING });
});

test("who floods does not silence the others", async () => {
  const child = await startBusy({ maxInboxTotal: 2 ** 21 });
  const bystander = await connected(child.port);
  const flood = await clients(child.port, 5);
  const frames = Array.from({ length: 12 }, (_, i) => item(i + 1, 60_000));
  await block(child, 2_000);
  for (const { ws } of flood) for (const frame of frames) ws.connection.write(frame);
  let blocked = true;
  const unblocked = child.report().then(() => {
    blocked = false;
  });
  for (let i = 0; i < 20; i++) expect(await join(bystander, `room-${i}`)).toEqual({ ok: true });
  expect(blocked).toBe(true);
  await unblocked;
  expect((await child.handled(12 * 5)).disorder).toBe(0);
});

test("events whose attachments do not come have a sum, and who takes longest has to go", async () => {
  const child = await startBusy({ maxInboxTotal: 2 ** 20 });
  const sessions = await clients(child.port, 30);
  const [head, half] = [
    '452-["item",1,{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    Buffer.alloc(60_000),
  ];
  for (const session of sessions) {
    session.send(head);
    session.send(half);
    // In this order, on whichever thread.
    session.ws.send(PING);
    expect((await session.ws.next()).opcode).toBe(PONG);
  }
  const closed = await Promise.race(sessions.slice(0, 13).map(({ ws }) => ws.rest()));
  expect(closed.frames).toMatchObject([{ opcode: CLOSE }]);
  const { inbox, refused } = (await child.report()).stats;
  expect(inbox.unfinished).toBeGreaterThan(900_000);
  expect(inbox.unfinished).toBeLessThanOrEqual(2 ** 20);
  expect(refused.attachments).toBe(13);
  // The last are not the ones that had to go.
  for (const session of sessions.slice(13)) session.send(half);
  expect((await child.handled(17)).stats.inbox).toEqual(NOTHING);
});

/** Events that wait for handlers, of ten clients. */
async function waiting(child: Busy): Promise<number> {
  const sessions = await clients(child.port, 10);
  const frames = Array.from({ length: 40 }, (_, i) => item(i + 1));
  await block(child, 1_000);
  for (const { ws } of sessions) ws.connection.write(Buffer.concat(frames));
  return 10 * 40;
}

test.each([
  ["themselves", { event: 5 }, 4],
  // Nothing can stop these once they have begun; the first of them are not known to be slow.
  ["behind them", { behind: 5 }, 64],
])("timers run between handlers that take their time (%s)", async (_, times, atOnce) => {
  const child = await startBusy({}, times);
  const sent = await waiting(child);
  const { disorder, most } = await child.handled(sent);
  expect(disorder).toBe(0);
  expect(most).toBeLessThanOrEqual(atOnce);
});

test("timers run between handlers of connections that take their time", async () => {
  const child = await startBusy({}, { connection: 5 });
  const sessions: WebSocketSession[] = [];
  for (let i = 0; i < 100; i++) sessions.push(await WebSocketSession.open(child.port, { path: PATH }));
  await block(child, 1_000);
  await Promise.all(sessions.map((session) => session.join()));
  for (;;) {
    const { connections, most } = await child.report();
    expect(most).toBeLessThanOrEqual(4);
    if (connections === 100) return;
  }
});

test("answers to requests do not wait behind events", async () => {
  const child = await startBusy({}, { event: 10 });
  const sent = await waiting(child);
  const session = await PollingSession.open(child.port, { path: PATH });
  await session.join();
  expect((await child.report()).handled).toBeLessThan(sent);
  await child.handled(sent);
});

test("a shutdown handles what was sent before it, as long as it has time", async () => {
  const patient = await startBusy({ shutdownTimeout: LONG }, { event: 5 });
  const sent = await waiting(patient);
  patient.tell("shutdown");
  const ending = (await patient.messages.next("the shutdown", LONG)) as Ending;
  expect(ending.before).toBeLessThan(sent);
  expect(ending).toMatchObject({ handled: sent, report: { clients: 10 } });
  expect(ending.report.timedOut).toBeUndefined();
});

test("a shutdown does not wait behind events", async () => {
  const child = await startBusy({ shutdownTimeout: 1 }, { event: 50 });
  const sent = await waiting(child);
  child.tell("shutdown");
  const { handled, report } = (await child.messages.next("the shutdown", LONG)) as Ending;
  expect(handled).toBeLessThan(sent);
  expect(report.clients).toBe(10);
  expect(report.timedOut).toBeUndefined();
});

interface Ending {
  /** Events handled when it began, and when it was over. */
  before: number;
  handled: number;
  report: ShutdownReport;
}
