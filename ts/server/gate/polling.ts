// Plain HTTP requests on the real-time path: bodies go to the native side in chunks, its responses come back by id.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { unzipSync } from "node:zlib";
import type { InboxEvent, RequestHead } from "../../../native.js";
import { registry } from "../process/registry.js";
import { type Answer, isPayload, isPoll, type Open, send, uncompressed } from "./answers.js";
import type { Gate } from "./gate.js";
import { ask, decideCors, keep, mustAsk, readHead } from "./request.js";

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

/** Most bytes that gather in the last answer to one client; what comes then waits as for any client. */
const MOST_GATHERED = 1 << 20;
/** How often a client's last answer is looked for at the exit. */
const ROUNDS = 3;

/** Whether a connection's server has stopped listening, and so waits for it. */
export function isOfClosing(socket: Duplex): boolean {
  return (socket as { server?: { listening?: boolean } }).server?.listening === false;
}

/** The open requests of one server. */
export class Polling {
  readonly #engine: Gate;
  readonly #open = new Map<number, Open>();
  /** Those whose last answer holds all that it may. */
  readonly #full = new Set<Open>();
  #nextId = 1;

  constructor(engine: Gate) {
    this.#engine = engine;
  }

  /** Whether a request is waiting whose HTTP server has stopped listening. */
  get holdsClosingServer(): boolean {
    return [...this.#open.values(), ...this.#full].some(({ request }) => isOfClosing(request.socket));
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    request.on("error", ignore);
    response.on("error", ignore);
    try {
      decideCors(this.#engine, request, readHead(this.#engine, request, response), (head) => {
        if (head) this.#pass(request, response, head);
        else badRequest(response);
      });
    } catch {
      unavailable(response);
    }
  }

  /** Past the application's middleware. */
  #pass(request: IncomingMessage, response: ServerResponse, head: RequestHead): void {
    try {
      const { hooks } = this.#engine;
      // A preflight is answered before any middleware, as in Engine.IO: it has no cookies that one could look at.
      const isPreflight = request.method === "OPTIONS" && (head.cors ?? this.#engine.options.native.cors) !== undefined;
      if (hooks.middlewares.length === 0 || isPreflight) {
        this.#check(request, response, head);
        return;
      }
      hooks.run(request, response, (refused) => {
        if (refused) badRequest(response);
        else this.#check(request, response, head);
      });
    } catch {
      unavailable(response);
    }
  }

  #check(request: IncomingMessage, response: ServerResponse, head: RequestHead): void {
    try {
      if (mustAsk(this.#engine, head, false)) {
        ask(this.#engine, request, head, (checked) => this.#begin(request, response, checked));
      } else {
        this.#begin(request, response, head);
      }
    } catch {
      unavailable(response);
    }
  }

  #begin(request: IncomingMessage, response: ServerResponse, given: RequestHead): void {
    const { native, id: server, hooks } = this.#engine;
    if (response.destroyed || response.writableEnded) return;
    const head = keep(this.#engine, request, given);
    const id = this.#nextId++;
    const open: Open = { id, head, request, response };
    try {
      native.requestBegin(server, id, head);
    } catch {
      if (head.token !== undefined) hooks.release(head.token);
      unavailable(response);
      return;
    }
    this.#open.set(id, open);
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
    response.on("close", () => {
      this.#full.delete(open);
      if (this.#open.delete(open.id)) native.requestAbort(server, open.id);
    });
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

  /**
   * Sends a response of the native side; at the end of the process, when its client has no way to come again, it is kept
   * until there is nothing more to come.
   */
  respond(event: InboxEvent): void {
    const [open, answer] = this.#answered(event);
    if (!open) return;
    const isLast = registry.leaving && !this.#engine.closing && isOfClosing(open.request.socket);
    if (isLast && isPayload(open, answer)) this.#keep(open, answer);
    else send(open, answer, this.#engine.closing, this.#engine.hooks);
  }

  /**
   * At the exit, before the native side closes: what waits for a client behind the answer to its poll becomes a part of
   * that answer. Returns whether there are clients that have yet to ask again.
   */
  gather(): boolean {
    const { native, id } = this.#engine;
    for (let round = 0; ; round++) {
      const sessions = this.#sessions();
      const answered = native.drainInbox(id).filter(({ kind }) => kind === "response");
      if (answered.length === 0 || round === ROUNDS) return sessions > [...this.#open.values()].filter(isPoll).length;
      for (const event of answered) {
        const [open, answer] = this.#answered(event);
        if (open && isPayload(open, answer)) this.#keep(open, answer);
        else if (open) send(open, answer, true, this.#engine.hooks);
      }
    }
  }

  /** How many clients are on polling; what was emitted before has arrived where it goes out. */
  #sessions(): number {
    try {
      const { connections } = JSON.parse(this.#engine.native.stats(this.#engine.id)) as {
        connections: { polling: number; websocket: number };
      };
      return connections.polling;
    } catch {
      // The native threads are too busy to tell.
      return Number.POSITIVE_INFINITY;
    }
  }

  #answered(event: InboxEvent): [Open | undefined, Answer] {
    const open = this.#open.get(event.id ?? 0);
    this.#open.delete(event.id ?? 0);
    const { status, headers } = JSON.parse(event.text ?? "") as Pick<Answer, "status" | "headers">;
    return [open, { status, headers, body: event.data?.[0] }];
  }

  /** Keeps a payload, and asks for the next in the client's name. */
  #keep(open: Open, { headers, body }: Answer): void {
    const isCompressed = headers.some(([name]) => name.toLowerCase() === "content-encoding");
    open.last ??= { headers: headers.filter(([name]) => !/^content-(encoding|length)$/i.test(name)), payloads: [] };
    if (body) open.last.payloads.push(isCompressed ? unzipSync(body) : body);
    const size = open.last.payloads.reduce((sum, { length }) => sum + length, 0);
    if (size > MOST_GATHERED) {
      this.#full.add(open);
      return;
    }
    open.id = this.#nextId++;
    try {
      this.#engine.native.requestBegin(this.#engine.id, open.id, {
        ...open.head,
        headers: uncompressed(open.head.headers),
      });
      this.#open.set(open.id, open);
    } catch {
      // The native side is closed.
      this.#full.add(open);
    }
  }

  /** Answers what is left when the native server is gone. */
  end(): void {
    for (const open of [...this.#open.values(), ...this.#full]) {
      if (open.last) send(open, { status: 503, headers: [], body: undefined }, true, this.#engine.hooks);
      else unavailable(open.response);
    }
    this.#open.clear();
    this.#full.clear();
  }
}

/** Reads no further, and ends the connection when the client has had time to see its answer. */
function turnAway(request: IncomingMessage): void {
  request.pause();
  setTimeout(() => request.socket.destroy(), LINGER).unref();
}

/** Answers a request that the application has refused before the native side saw it, unless it has done so itself. */
export function badRequest(response: ServerResponse): void {
  if (response.headersSent) {
    if (!response.writableEnded) response.end();
    return;
  }
  response.writeHead(400, { "Content-Type": "application/json" });
  response.end('{"code":3,"message":"Bad request"}');
}

/** Answers a request that nobody serves any more. */
export function unavailable(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(503, { "Content-Length": 0, Connection: "close" });
  response.end();
}
