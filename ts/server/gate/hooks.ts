// What an application puts in front of Engine.IO's requests: middleware and listeners of headers; and the requests that it has
// seen, which it finds again at its sockets. A server without any of them passes by here without a look.

import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { raise } from "../process/handler-errors.js";

/** A middleware of Node's: `next()` goes on, `next(error)` refuses the request. */
export type EngineMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A request as Engine.IO's applications know it. */
export type EngineRequest = IncomingMessage & { _query?: Record<string, string>; res?: ServerResponse };

/** Names of requests are below this. */
const TOKENS = 2 ** 32;

export class Hooks {
  readonly middlewares: EngineMiddleware[] = [];
  /** Called with the headers of each response to a client; may change them. */
  onHeaders: ((headers: OutgoingHttpHeaders, request: IncomingMessage) => void) | undefined;
  /** Called when a middleware refuses a request. */
  onFailure: (request: IncomingMessage) => void = () => {};
  /** Whether somebody wants to know of refused requests, with the request. */
  watchesRefusals = false;
  readonly #kept = new Map<number, IncomingMessage>();
  #last = 0;

  /** Whether the application may touch requests or responses. */
  get active(): boolean {
    return this.middlewares.length > 0 || this.onHeaders !== undefined;
  }

  /** How many requests are kept. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Keeps a request until `release`; gives its name. */
  keep(request: IncomingMessage): number {
    do this.#last = (this.#last + 1) % TOKENS;
    while (this.#kept.has(this.#last));
    this.#kept.set(this.#last, request);
    return this.#last;
  }

  /** A request by its name. */
  request(token: number | null | undefined): IncomingMessage | undefined {
    return typeof token === "number" ? this.#kept.get(token) : undefined;
  }

  release(token: number): void {
    this.#kept.delete(token);
  }

  clear(): void {
    this.#kept.clear();
  }

  /** Runs the middleware, one after the other, in turns of their own; `done` gets whether one refused. */
  run(request: IncomingMessage, response: ServerResponse, done: (refused: boolean) => void): void {
    if (this.middlewares.length === 0) {
      done(false);
      return;
    }
    let chain = Promise.resolve();
    for (const middleware of this.middlewares) chain = chain.then(() => step(middleware, request, response));
    chain.then(
      () => done(false),
      () => {
        this.onFailure(request);
        done(true);
      },
    );
  }

  /** Lets listeners change the headers of a response. */
  change(headers: OutgoingHttpHeaders, request: IncomingMessage): void {
    try {
      this.onHeaders?.(headers, request);
    } catch (error) {
      raise(error);
    }
  }
}

function step(middleware: EngineMiddleware, request: IncomingMessage, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    middleware(request, response, (error?: unknown) => (error ? reject(error) : resolve()));
  });
}

/** Gives a request what Engine.IO gives it. */
export function prepare(request: EngineRequest, response?: ServerResponse): void {
  request._query ??= Object.fromEntries(new URL(request.url ?? "/", "https://socket.io").searchParams);
  if (response) request.res = response;
}

/** Takes the cookies out of a request: its sender may not use them. */
export function dropCookies(request: IncomingMessage): void {
  delete request.headers.cookie;
  const raw = request.rawHeaders;
  for (let at = raw.length - 2; at >= 0; at -= 2) if (raw[at]?.toLowerCase() === "cookie") raw.splice(at, 2);
}

/**
 * The response of an upgrade for middleware: headers that it sets go into the answer. One that ends it ends the connection, as
 * there is nobody who could read a body.
 */
export class UpgradeResponse extends ServerResponse {
  readonly #socket: Duplex;

  constructor(request: IncomingMessage, socket: Duplex) {
    super(request);
    this.#socket = socket;
    socket.once("close", () => this.emit("close"));
  }

  override write(): boolean {
    return true;
  }

  override end(): this {
    this.emit("finish");
    this.#socket.destroy();
    return this;
  }

  /** The headers that were set, as they were written. Some middleware sets its own only now. */
  additional(): OutgoingHttpHeaders {
    this.writeHead(101);
    const headers: OutgoingHttpHeaders = {};
    // Not among Node's types.
    const { getRawHeaderNames: names } = this as unknown as { getRawHeaderNames(): string[] };
    for (const name of names.call(this)) headers[name] = this.getHeader(name);
    return headers;
  }
}

/** Headers as the native side takes them: name, value, name, value. What no header can be is left out. */
export function flat(headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const values = value === undefined ? [] : Array.isArray(value) ? value : [String(value)];
    return values.flatMap((one) => (isHeader(name, one) ? [name, one] : []));
  });
}

function isHeader(name: string, value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what may not be there
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value);
}
