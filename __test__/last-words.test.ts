// What is emitted while an application goes down reaches every client, whichever transport it is on and however the
// application leaves; and nobody's connection keeps the process.
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as elapse } from "node:timers/promises";
import type { Socket } from "socket.io-client";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { certificate } from "./support/certificate.js";
import { endChildren, startServerProgram } from "./support/child.js";
import { within } from "./support/deadline.js";
import { client, closeClients, collect, connected, event, MODES, realtime, settled } from "./support/nself.js";

vi.setConfig({ testTimeout: 60_000 });

afterEach(() => {
  closeClients();
  endChildren();
});

const LINES = 20;
const lines = Array.from({ length: LINES }, (_, i) => `line ${i}`);
const linesOf = ({ events }: { events: Array<{ data: unknown }> }) =>
  events.map(({ data }) => (data as { line: string }).line);

let tls: { key: string; cert: string };
beforeAll(() => {
  tls = certificate();
});

describe.each(["attach", "register"])("opened by %s", (mode) => {
  test.each([
    ["http", "websocket"],
    ["http", "polling"],
    ["https", "websocket"],
    ["https", "polling"],
  ])("what a request in flight emits after the signal arrives: %s, %s", async (scheme, transport) => {
    const program = await startServerProgram(mode, scheme === "https" ? { tls } : {});
    const ca = scheme === "https" ? { ca: tls.cert } : {};
    const socket = await connected(`${scheme}://127.0.0.1:${program.port}`, { transports: [transport], ...ca });
    await settled(socket);
    const got = collect(socket, "logs:stream");
    const gone = event(socket, "disconnect", 20_000);
    if (scheme === "http") {
      const slow = connect(program.port, "127.0.0.1");
      slow.write("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      slow.on("error", () => {});
    }
    program.tell("leave", { count: LINES, code: 7 });
    expect(await program.messages.next("the handler")).toBe("leaving");
    await settled(socket);
    program.process.kill("SIGTERM");
    expect(await program.ended(20_000)).toEqual({ code: 7, signal: null });
    await gone;
    expect(linesOf(got)).toEqual(lines);
  });
});

describe.each(["attach", "register"])("opened by %s", (mode) => {
  // Far more than one answer holds that leaves between two turns: most of the time a client is on its way to ask again.
  test.each(Object.entries(MODES))(
    "process.exit in the middle of a stream loses nothing: %s",
    async (_, transports) => {
      const program = await startServerProgram(mode);
      const socket = await connected(program.port, { transports });
      await settled(socket);
      const got = collect(socket, "logs:stream");
      const gone = event(socket, "disconnect", 20_000);
      program.tell("pour", { count: 2000, code: 5 });
      expect(await program.ended(20_000)).toEqual({ code: 5, signal: null });
      await gone;
      expect(linesOf(got)).toEqual(Array.from({ length: 2000 }, (_, i) => `line ${i}`));
    },
  );
});

test("Server#close() lets polling clients fetch what waits for them", async () => {
  const http: HttpServer = createServer();
  const io = new realtime.Server(http);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const clients: Socket[] = [];
  const counts: number[] = [];
  for (let i = 0; i < 10; i++) {
    const socket = client(port, { path: "/socket.io", transports: ["polling"] });
    counts.push(0);
    socket.on("news", () => counts[i]!++);
    await event(socket, "connect");
    clients.push(socket);
  }
  const gone = Promise.all(clients.map((socket) => event(socket, "disconnect", 20_000)));
  for (let i = 0; i < LINES; i++) {
    io.emit("news", i);
    await elapse(1);
  }
  await within("the server to close", io.close(), 20_000);
  expect(http.listening).toBe(false);
  await gone;
  expect(counts).toEqual(counts.map(() => LINES));
});
