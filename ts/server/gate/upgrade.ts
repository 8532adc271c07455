// Hands an upgrade over to the native side: the TCP socket itself where that works, else one end of a socket pair that
// is piped here. Runs inside Node's `upgrade` event and never throws into it.

import { closeSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RequestHead } from "../../../native.js";
import type { Gate } from "./gate.js";
import { flat, UpgradeResponse } from "./hooks.js";
import { ask, asksFirst, decideCors, keep, mustAsk, readHead } from "./request.js";
import { wayOf } from "./selftest.js";

/** The parts of a net.Socket that Node does not document. */
interface Handle {
  fd?: number;
  reading?: boolean;
  readStop?(): void;
}
type Connection = Duplex & {
  _handle?: Handle | null;
  _httpMessage?: ServerResponse | null;
  encrypted?: boolean;
};

export function handleUpgrade(engine: Gate, request: IncomingMessage, duplex: Duplex, head: Buffer): void {
  const socket = duplex as Connection;
  socket.on("error", () => socket.destroy());
  const pending = socket._httpMessage;
  if (pending) {
    // The answer to an earlier, pipelined request comes first.
    socket.pause();
    pending.once("close", () => handleUpgrade(engine, request, socket, head));
    return;
  }
  try {
    const described = readHead(engine, request);
    // What the client sends meanwhile stays in the socket's buffer, in order.
    if (asksFirst(engine)) socket.pause();
    decideCors(engine, request, described, (decided) => {
      if (decided) pass(engine, request, decided, socket, head);
      else refuse(socket, "400 Bad Request", "Bad request");
    });
  } catch {
    refuse(socket);
  }
}

/** Past the application's middleware. */
function pass(engine: Gate, request: IncomingMessage, described: RequestHead, socket: Connection, head: Buffer): void {
  if (!engine.hooks.active) {
    check(engine, request, described, socket, head);
    return;
  }
  try {
    const response = new UpgradeResponse(request, socket);
    socket.pause();
    engine.hooks.run(request, response, (refused) => {
      if (refused) refuse(socket, "400 Bad Request", "Bad request");
      else check(engine, request, described, socket, head, response);
    });
  } catch {
    refuse(socket);
  }
}

function check(
  engine: Gate,
  request: IncomingMessage,
  described: RequestHead,
  socket: Connection,
  head: Buffer,
  response?: UpgradeResponse,
): void {
  const go = (checked: RequestHead) => {
    const headers = checked.forbidden === undefined ? response?.additional() : undefined;
    if (headers) engine.hooks.change(headers, request);
    serve(engine, request, headers ? { ...checked, responseHeaders: flat(headers) } : checked, socket, head);
  };
  try {
    if (mustAsk(engine, described, true)) {
      socket.pause();
      ask(engine, request, described, go);
    } else {
      go(described);
    }
  } catch {
    refuse(socket);
  }
}

function serve(engine: Gate, message: IncomingMessage, described: RequestHead, socket: Connection, head: Buffer): void {
  if (socket.destroyed) return;
  const way = wayOf(engine.native);
  if (typeof way === "object") {
    // A few ms after the start: better than a bridge for as long as the connection lives.
    socket.pause();
    void way.then(() => serve(engine, message, described, socket, head));
    return;
  }
  if (way === "refused") {
    refuse(socket);
    return;
  }
  const request = keep(engine, message, described);
  try {
    const handle = way === "works" ? takeable(socket) : undefined;
    if (!handle) {
      bridge(engine, request, socket, head);
      return;
    }
    handle.readStop();
    // So that emptying the buffer does not make Node read on.
    handle.reading = true;
    engine.native.upgrade(engine.id, handle.fd, request, drain(socket, head));
    // The native side has its own duplicate of the descriptor: this closes only Node's, without a FIN.
    socket.destroy();
    engine.came.taken++;
  } catch (error) {
    if (request.token !== undefined) engine.hooks.release(request.token);
    // Out of descriptors, or the server is closing.
    if ((error as { code?: unknown }).code === "ERR_TAKEOVER") engine.native.withoutDescriptor(engine.id);
    refuse(socket);
  }
}

/** The handle of a plain TCP socket with nothing left to write. TLS has a descriptor too, but of the ciphertext. */
function takeable(socket: Connection): Required<Handle> | undefined {
  const handle = socket._handle;
  if (!handle || socket.encrypted || socket.writableLength > 0 || !(socket instanceof Socket)) return undefined;
  if (handle.constructor.name !== "TCP" || typeof handle.readStop !== "function") return undefined;
  return typeof handle.fd === "number" && handle.fd >= 0 ? (handle as Required<Handle>) : undefined;
}

function drain(socket: Connection, head: Buffer): Buffer {
  const chunks = [head];
  for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  return chunks.length === 1 ? head : Buffer.concat(chunks);
}

function bridge(engine: Gate, request: RequestHead, socket: Connection, head: Buffer): void {
  const fd = engine.native.upgradeBridge(engine.id, request, drain(socket, head));
  let native: Socket;
  try {
    native = new Socket({ fd, readable: true, writable: true });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  if (socket instanceof Socket) {
    socket.setTimeout(0);
    socket.setNoDelay(true);
  }
  socket.pipe(native).pipe(socket);
  engine.came.piped++;
  engine.piped.add(socket);
  native.on("error", () => native.destroy());
  native.on("close", () => finish(socket));
  socket.on("close", () => {
    engine.piped.delete(socket);
    finish(native);
  });
}

/** Writes out what is left, then closes: Node's own HTTP sockets stay half open for as long as the client likes. */
function finish(stream: Duplex): void {
  if (stream instanceof Socket) {
    stream.destroySoon();
    return;
  }
  stream.end(() => stream.destroy());
}

/** Ends an upgrade to another path if nobody has answered it in time. */
export function endUnanswered(socket: Duplex, after: number): void {
  socket.on("error", () => {});
  const timer = setTimeout(() => {
    if (socket.writable && ((socket as Socket).bytesWritten ?? 0) === 0) socket.end();
  }, after);
  socket.once("close", () => clearTimeout(timer));
}

/** Answers an upgrade that cannot be served, and closes its connection. */
export function refuse(socket: Duplex, status = "503 Service Unavailable", body = "Service unavailable"): void {
  if (socket.destroyed) return;
  socket.write(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  finish(socket);
}
