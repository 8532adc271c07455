// Plain HTTP requests on the real-time path: bodies go to the native side in chunks, its responses come back by id.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { InboxEvent } from "../../native.js";
import type { Engine } from "./engine.js";
import { ask, mustAsk, requestHead } from "./request.js";

const ignore = () => {};

/**
 * Bytes of a body that are read behind an early answer (413), so that the connection can go on. To read on for ever would
 * serve a flood,
 */
const DRAIN = 65_536;
/** also one of tiny pieces, each of which counts as so many bytes. */
const PIECE = 1024;
/** Time for a client to take that answer before its connection ends, in ms. */
const LINGER = 1000;

/** The open requests of one server. */
export class Polling {
  readonly #engine: Engine;
  readonly #open = new Map<number, { request: IncomingMessage; response: ServerResponse }>();
  #nextId = 1;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Whether a request is waiting whose HTTP server has stopped listening, and so waits for it. */
  get holdsClosingServer(): boolean {
    for (const { request } of this.#open.values()) {
      const { server } = request.socket as { server?: { listening?: boolean } };
      if (server?.listening === false) return true;
    }
    return false;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    request.on("error", ignore);
    response.on("error", ignore);
    try {
      const head = requestHead(request);
      if (mustAsk(this.#engine, head, false)) {
        ask(this.#engine, request, head, (checked) => this.#begin(request, response, checked));
      } else {
        this.#begin(request, response, head);
      }
    } catch {
      unavailable(response);
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse, head: ReturnType<typeof requestHead>): void {
    if (response.destroyed) return;
    const { native, id: server } = this.#engine;
    const id = this.#nextId++;
    try {
      native.requestBegin(server, id, head);
    } catch {
      unavailable(response);
      return;
    }
    this.#open.set(id, { request, response });
    let drained = 0;
    request.on("data", (chunk: Buffer) => {
      if (this.#open.has(id)) {
        native.requestBody(server, id, chunk);
      } else if (drained <= DRAIN) {
        drained += Math.max(chunk.length, PIECE);
        if (drained > DRAIN) turnAway(request);
      }
    });
    request.on("end", () => this.#open.has(id) && native.requestEnd(server, id));
    const late = setTimeout(() => this.#late(id, request, response), this.#engine.options.requestTimeout).unref();
    request.once("close", () => clearTimeout(late));
    response.on("close", () => this.#open.delete(id) && native.requestAbort(server, id));
  }

  /** A body that does not come: whoever sends it must not keep the connection. */
  #late(id: number, request: IncomingMessage, response: ServerResponse): void {
    if (request.complete) return;
    const { native, id: server } = this.#engine;
    native.requestLate(server);
    if (this.#open.delete(id)) native.requestAbort(server, id);
    if (response.headersSent) request.socket.destroy();
    else response.writeHead(408, { "Content-Length": 0, Connection: "close" }).end(() => request.socket.destroy());
  }

  /** Sends a response of the native side. */
  respond(event: InboxEvent): void {
    const open = this.#open.get(event.id ?? 0);
    if (!open) return;
    this.#open.delete(event.id ?? 0);
    const { status, headers } = JSON.parse(event.text ?? "") as { status: number; headers: Array<[string, string]> };
    if (status === 0) {
      open.request.socket.destroy();
      return;
    }
    const flat = headers.flat();
    if (this.#engine.closing) flat.push("Connection", "close");
    open.response.writeHead(status, flat);
    open.response.end(event.data?.[0]);
  }

  /** Answers what is left when the native server is gone. */
  end(): void {
    for (const { response } of this.#open.values()) unavailable(response);
    this.#open.clear();
  }
}

/** Reads no further, and ends the connection when the client has had time to see its answer. */
function turnAway(request: IncomingMessage): void {
  request.pause();
  setTimeout(() => request.socket.destroy(), LINGER).unref();
}

function unavailable(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(503, { "Content-Length": 0, Connection: "close" });
  response.end();
}
