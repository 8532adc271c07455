// What the native side is told of a request, and what the application is asked about it before: `cors`, `allowRequest`.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHead } from "../../../native.js";
import type { Gate } from "./gate.js";
import { dropCookies, prepare } from "./hooks.js";

/** HTTP servers by number, for the native side to tell whose connections are whose. */
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** The number of an HTTP server. */
export function numberOf(server: object): number {
  const number = numbers.get(server) ?? ++lastNumber;
  numbers.set(server, number);
  return number;
}

export function requestHead(request: IncomingMessage): RequestHead {
  const { server } = request.socket as { server?: object };
  return {
    method: request.method ?? "GET",
    url: request.url ?? "/",
    headers: request.rawHeaders,
    remoteAddress: request.socket.remoteAddress ?? "",
    secure: (request.socket as { encrypted?: boolean }).encrypted === true,
    via: (server && numbers.get(server)) ?? 0,
  };
}

/** The head of a request. If the application may see it, too, it gets what Engine.IO gives it. */
export function readHead(engine: Gate, request: IncomingMessage, response?: ServerResponse): RequestHead {
  const head = requestHead(request);
  const { hooks, options } = engine;
  if (!hooks.active && !options.allowRequest && !hooks.watchesRefusals) return head;
  prepare(request, response);
  return head;
}

/** Whether the application may have a say in requests, other than by being asked about handshakes. */
export function asksFirst({ options }: Gate): boolean {
  return options.decideCors !== undefined;
}

/** Asks about CORS where the application wants to be, then calls `next` once; without a head the request is refused. */
export function decideCors(
  engine: Gate,
  request: IncomingMessage,
  head: RequestHead,
  next: (head: RequestHead | undefined) => void,
): void {
  const { decideCors: decide } = engine.options;
  const go = (decided: RequestHead) => {
    withholdCookies(engine, request, decided);
    next(decided);
  };
  if (decide) decide(request, (error, cors) => (error ? next(undefined) : go(cors ? { ...head, cors } : head)));
  else go(head);
}

/**
 * What its sender's cookies may not be used for, comes without cookies: to `allowRequest` too, and to what the application
 * has in front.
 */
function withholdCookies({ native, id, options, hooks }: Gate, request: IncomingMessage, head: RequestHead): void {
  const cors = head.cors ?? options.native.cors;
  const anyMayCome = cors && (cors.reflect || cors.origins.includes("*"));
  if (!anyMayCome && !hooks.active && !options.allowRequest && !hooks.watchesRefusals) return;
  const { origin, cookie } = request.headers;
  if (origin !== undefined && cookie !== undefined && !native.mayUseCookies(id, head)) dropCookies(request);
}

/** Keeps a request for `socket.request` and `connection_error`, if the application has seen it, until the native side lets go of it. */
export function keep({ hooks, options }: Gate, request: IncomingMessage, head: RequestHead): RequestHead {
  const isKept = hooks.watchesRefusals || ((hooks.active || options.allowRequest) && !namesSession(head.url));
  return isKept ? { ...head, token: hooks.keep(request) } : head;
}

/** Whether `allowRequest` must be asked: for every handshake that the native side would accept otherwise. */
export function mustAsk(engine: Gate, head: RequestHead, upgrade: boolean): boolean {
  return (
    engine.options.allowRequest !== undefined &&
    !namesSession(head.url) &&
    engine.native.verify(engine.id, head, upgrade) === null
  );
}

/**
 * Asks `allowRequest`, then calls `next` once with the head, marked if the request was refused. A throw refuses, and
 * surfaces as an uncaught exception, as it does in Socket.IO.
 */
export function ask(
  engine: Gate,
  request: IncomingMessage,
  head: RequestHead,
  next: (head: RequestHead) => void,
): void {
  let answered = false;
  const answer = (error: unknown, success: boolean) => {
    if (answered) return;
    answered = true;
    next(success ? head : { ...head, forbidden: reason(error) });
  };
  try {
    engine.options.allowRequest?.(request, answer);
  } catch (error) {
    answer("Forbidden", false);
    process.nextTick(() => {
      throw error;
    });
  }
}

function reason(error: unknown): string {
  if (error instanceof Error) return error.message || "Forbidden";
  return typeof error === "string" && error !== "" ? error : "Forbidden";
}

/** Only a plain, single `sid` counts: whoever writes it in a way that two parsers may read differently is asked. */
function namesSession(url: string): boolean {
  // The native side reads no further than a fragment, which Node lets pass.
  const query = url.slice(url.indexOf("?") + 1).split("#", 1)[0] ?? "";
  return /(?:^|&)sid=[\w-]+(?:&|$)/.test(query) && new URLSearchParams(query).getAll("sid").length === 1;
}
