// Proves with a connection of our own how WebSockets can be taken from this Node: its socket itself, which relies on
// things that Node does not document, or, if that fails, one end of a socket pair that Node pipes to. If neither works
// WebSockets are refused, at once, and clients stay on polling.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, Socket } from "node:net";
import type { Native } from "../process/binding.js";
import { registry, warnOnce } from "../process/registry.js";
import type { Takeover } from "../process/stats.js";

declare module "../process/registry.js" {
  interface Registry {
    /** How WebSockets are taken from Node, by the self-test, once an HTTP server was attached. */
    takeover?: Verdict;
  }
}

/** What the self-test found. */
export type Verdict = Pick<Takeover, "state" | "reason">;

/** A test fails after so many turns of the clock, */
const TURNS = 40;
/** each so long, in ms, and longer while JavaScript is blocked: that time says nothing of the sockets. */
const TURN = 50;
/** Time from the first failed test to the next, in ms; doubled by each further one, up to */
const AGAIN = 1000;
/** this. */
const SELDOM = 60_000;

/** What the self-test of this thread found. */
export function verdict(): Verdict {
  registry.takeover ??= { state: "untested" };
  return registry.takeover;
}

/** Starts the test, unless it has run; it does not keep the process alive. Settles when the verdict is there. */
export function testTakeover(native: Native): Promise<void> {
  if (verdict().state === "untested") {
    verdict().state = "testing";
    registry.tested = test(native);
  }
  return registry.tested ?? Promise.resolve();
}

/** The way of an upgrade; a promise while that is not known. After a failure the test is run again, at times. */
export function wayOf(native: Native): "works" | "piped" | "refused" | Promise<void> {
  const { state } = verdict();
  if (state === "untested" || state === "testing") return testTakeover(native);
  if (state !== "works" && !registry.testing && Date.now() >= (registry.testAgain ?? Number.POSITIVE_INFINITY)) {
    registry.tested = test(native);
  }
  return state;
}

async function test(native: Native): Promise<void> {
  registry.testing = true;
  const state = verdict();
  try {
    await attempt((sockets) => takeSocket(native, sockets));
    state.state = "works";
    delete state.reason;
  } catch (error) {
    state.reason = (error as Error).message;
    const bridge = await attempt((sockets) => pipeSocket(native, sockets)).then(
      () => "",
      (failure: Error) => failure.message,
    );
    state.state = bridge === "" ? "piped" : "refused";
    const failures = (registry.testFailures ?? 0) + 1;
    registry.testFailures = failures;
    registry.testAgain = Date.now() + Math.min(AGAIN * 2 ** (failures - 1), SELDOM);
    const instead =
      state.state === "piped"
        ? "WebSockets are piped through Node until a later test succeeds"
        : `nor can they be piped (${bridge}); clients stay on HTTP long-polling`;
    if (process.platform !== "win32") {
      warnOnce("NSELF_TAKEOVER", `sockets cannot be taken over from Node (${state.reason}); ${instead}`);
    }
  } finally {
    registry.testing = false;
  }
}

/** Runs one test, with a limit; what it opened is closed behind it. */
async function attempt(run: (opened: Array<Socket | Server>) => Promise<void>): Promise<void> {
  const opened: Array<Socket | Server> = [];
  let clock: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    let turns = 0;
    clock = setInterval(() => {
      if (++turns >= TURNS) reject(new Error("the test did not finish"));
    }, TURN).unref();
  });
  try {
    await Promise.race([run(opened), late]);
  } finally {
    clearInterval(clock);
    for (const one of opened) {
      if ("destroy" in one) one.destroy();
      else one.close();
    }
  }
}

async function takeSocket(native: Native, opened: Array<Socket | Server>): Promise<void> {
  const token = randomUUID();
  // A worker of a cluster shares its ports with the others otherwise, and with them the connections.
  const server = createServer();
  opened.push(server);
  server.listen({ port: 0, host: "127.0.0.1", exclusive: true });
  server.unref();
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").unref();
  opened.push(client);
  const accepted = accept(server, client, opened);
  const answer = read(client, token);
  const socket = await Promise.race([accepted, answer.then(() => accepted)]);
  const handle = (socket as { _handle?: { fd?: number; readStop?(): void } })._handle;
  if (typeof handle?.fd !== "number" || handle.fd < 0 || !handle.readStop) throw new Error("no descriptor");
  handle.readStop();
  native.takeoverSelfTest(handle.fd, token);
  // The native side answers this byte: it must reach its duplicate when Node's own socket is gone.
  socket.once("close", () => client.write("?"));
  socket.destroy();
  await answer;
}

/** The server's end of a client's connection. Whoever else connects to that port is none. */
function accept(server: Server, client: Socket, opened: Array<Socket | Server>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.on("connection", async (socket) => {
      opened.push(socket.unref());
      socket.on("error", reject);
      if (client.connecting) await once(client, "connect").catch(reject);
      if (socket.remotePort === client.localPort) resolve(socket);
      else socket.destroy();
    });
  });
}

async function pipeSocket(native: Native, opened: Array<Socket | Server>): Promise<void> {
  const token = randomUUID();
  const socket = new Socket({ fd: native.bridgeSelfTest(token), readable: true, writable: true }).unref();
  opened.push(socket);
  const answer = read(socket, token);
  socket.write("?");
  await answer;
}

/** Reads a socket to its end, which must be the token. */
function read(socket: Socket, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
    });
    socket.on("error", reject);
    socket.on("end", () => {
      if (received === token) resolve();
      else reject(new Error("the wrong bytes arrived"));
    });
  });
}
