// Proves once per process that a socket of this Node can be taken over, with a connection of our own. If not, upgrades
// use the bridge, which is slower and ends with the event loop, but relies on nothing that Node does not document.

import { randomUUID } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import type { Native } from "./binding.js";
import { registry, warnOnce } from "./registry.js";

/** Longest wait for the answer, in ms; upgrades wait as long. */
const PATIENCE = 2000;

/** Starts the test, unless it has run; it does not keep the process alive. */
export function testTakeover(native: Native): void {
  if (registry.takeover !== "untested") return;
  registry.takeover = "testing";
  let settle = () => {};
  registry.tested = new Promise((resolve) => {
    settle = resolve;
  });
  const token = randomUUID();
  const sockets: Socket[] = [];
  const server = createServer();

  const conclude = (failure?: string) => {
    if (registry.takeover !== "testing") return;
    registry.takeover = failure === undefined ? "works" : "fails";
    settle();
    clearTimeout(timer);
    server.close();
    for (const socket of sockets) socket.destroy();
    if (failure !== undefined && process.platform !== "win32") {
      warnOnce(
        "NSELF_TAKEOVER",
        `sockets cannot be taken over from Node (${failure}); WebSockets are piped through Node instead`,
      );
    }
  };
  const timer = setTimeout(() => conclude("the test did not finish"), PATIENCE).unref();

  server.on("error", (error) => conclude(error.message));
  server.on("connection", (socket) => {
    sockets.push(socket.unref());
    socket.on("error", (error) => conclude(error.message));
    const handle = (socket as { _handle?: { fd?: number; readStop?(): void } })._handle;
    if (typeof handle?.fd !== "number" || handle.fd < 0 || !handle.readStop) return conclude("no descriptor");
    try {
      handle.readStop();
      native.takeoverSelfTest(handle.fd, token);
      // The native side answers this byte: it must reach its duplicate when Node's own socket is gone.
      socket.once("close", () => sockets[0]?.write("?"));
      socket.destroy();
    } catch (error) {
      conclude(String(error));
    }
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address !== "object" || address === null) return conclude("no address");
    const client = connect(address.port, "127.0.0.1").unref();
    sockets.unshift(client);
    let received = "";
    client.setEncoding("latin1");
    client.on("data", (text: string) => {
      received += text;
    });
    client.on("error", (error) => conclude(error.message));
    client.on("end", () => conclude(received === token ? undefined : "the wrong bytes arrived"));
  });
  server.unref();
}
