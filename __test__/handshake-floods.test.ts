// Clients that come and go while nobody answers them: what waits for the application is bounded, whether they stay or not.
import { afterEach, describe, expect, test, vi } from "vitest";
import { block, endChildren, startServerProgram } from "./support/child.js";
import { type Attached, client, connected, event, startAttached } from "./support/nself.js";
import { elapse, PollingSession, WebSocketSession, within } from "./support/raw.js";

let running: Attached | undefined;
afterEach(async () => {
  endChildren();
  await running?.close();
  running = undefined;
});

const path = "/api/ws/";
const busy = "the refusal of one too many";

/** A CONNECT; what comes of it is not awaited. */
async function knock(port: number): Promise<WebSocketSession> {
  const session = await WebSocketSession.open(port, { path });
  session.send("40");
  return session;
}

async function isRefused(port: number): Promise<string> {
  return (await knock(port)).text(busy);
}

function deferred() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const ERR_BUSY = '44{"message":"too many clients are connecting; try again","data":{"code":"ERR_BUSY"}}';

describe("clients that leave while authenticate decides", () => {
  test("still count until it has decided", async () => {
    const { open, opened } = deferred();
    let asked = 0;
    running = await startAttached({
      maxPendingAuthentications: 3,
      authenticate: async () => {
        asked++;
        await opened;
        return { userId: "ann" };
      },
    });
    const { port, server } = running;
    for (let i = 1; i <= 3; i++) {
      const session = await knock(port);
      await vi.waitFor(() => expect(asked).toBe(i));
      session.ws.connection.destroy();
    }
    await vi.waitFor(() => expect(server.stats().connections.websocket).toBe(0));
    expect(await isRefused(port)).toBe(ERR_BUSY);
    expect(asked).toBe(3);
    open();
    // Nobody of them is there, and their places are free again.
    await vi.waitFor(async () => expect(await (await knock(port)).text()).toMatch(/^40/));
    for (let i = 0; i < 5; i++) expect(await (await knock(port)).text()).toMatch(/^40/);
    expect(server.getPresence()).toHaveLength(6);
  });

  test("a middleware that never answers holds a place for as long as its client is there", async () => {
    running = await startAttached({ maxPendingAuthentications: 2 });
    const { port, server } = running;
    let asked = 0;
    server.getIO().use((_socket, next) => {
      if (++asked > 2) next();
    });
    const waiting = [await knock(port), await knock(port)];
    await vi.waitFor(() => expect(asked).toBe(2));
    expect(await isRefused(port)).toBe(ERR_BUSY);
    for (const session of waiting) session.ws.connection.destroy();
    await vi.waitFor(async () => expect(await (await knock(port)).text()).toMatch(/^40/));
    await connected(port);
    await connected(port);
  });

  test.each([
    ["refuses", () => null],
    ["throws", () => Promise.reject(new Error("x"))],
  ])("places are free again when it %s", async (_, answer) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    running = await startAttached({ maxPendingAuthentications: 1, authenticate: answer });
    for (let i = 0; i < 5; i++) {
      const error = await event(client(running.port), "connect_error");
      expect(error.data.code).not.toBe("ERR_BUSY");
    }
    log.mockRestore();
  });
});

test("while the JavaScript thread is busy, clients that come and go do not pile up", async () => {
  const server = await startServerProgram("listen", { maxPendingAuthentications: 20, authenticate: true });
  const unblock = await block(server);
  const answers: string[] = [];
  for (let i = 0; i < 60; i++) {
    const session = await knock(server.port);
    // Over capacity it is told so; below, it leaves without an answer.
    if (i >= 20) answers.push(await session.text(busy));
    session.ws.connection.destroy();
  }
  expect(answers).toEqual(Array(40).fill(ERR_BUSY));
  await unblock();
  await vi.waitFor(async () => expect(await (await knock(server.port)).text()).toMatch(/^40/));
});

/** Where a count stands once it has not moved for a second. */
async function standstill(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); await elapse(1000)) before = count();
  return count();
}

describe("one connection that joins and leaves, over and over, while the JavaScript thread is busy", () => {
  const auth = JSON.stringify({ filler: "x".repeat(50_000) });

  test("is not read any more when a megabyte of it waits", async () => {
    const server = await startServerProgram("listen", { listens: true, rateLimit: false });
    const session = await WebSocketSession.open(server.port, { path });
    const unblock = await block(server);
    let joined = 0;
    const flood = (async () => {
      for (; joined < 100; joined++) {
        session.send(`40${auth}`);
        expect((await session.text("an answer")).slice(0, 2)).toBe("40");
        session.send("41");
      }
    })();
    const stopped = await standstill(() => joined);
    expect(stopped).toBeLessThan(40);
    await unblock();
    // Then it goes on, and nothing is lost.
    await within("the rest", flood);
    expect(joined).toBe(100);
  });

  test("over polling, too", async () => {
    const server = await startServerProgram("listen", { listens: true, rateLimit: false });
    const session = await PollingSession.open(server.port, { path });
    const unblock = await block(server);
    let posted = 0;
    const flood = (async () => {
      for (; posted < 100; posted++) {
        for (const body of [`40${auth}`, "41"]) expect((await session.post(body)).status).toBe(200);
        await session.get();
      }
    })();
    const stopped = await standstill(() => posted);
    expect(stopped).toBeLessThan(40);
    await unblock();
    await within("the rest", flood);
    expect(posted).toBe(100);
  });
});
