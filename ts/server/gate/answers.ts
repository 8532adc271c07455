// Answers to plain HTTP requests. At the end of the process the last one to a client gathers the payloads of several.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { RequestHead } from "../../../native.js";
import type { Hooks } from "./hooks.js";

/** A request that is not answered. */
export interface Open {
  id: number;
  head: RequestHead;
  request: IncomingMessage;
  response: ServerResponse;
  /** The client's last answer, which is kept until the end. */
  last?: { headers: Headers; payloads: Buffer[] };
}

/** Name, value. */
type Headers = Array<[string, string]>;

/** What the native side answers. Status 0: nothing, the connection is destroyed. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Buffer | undefined;
}

/** Between the packets of a payload. */
const SEPARATOR = Buffer.from("\x1e");
/** The packet that closes a session. */
const CLOSE = "1";

export function isPoll({ head }: Open): boolean {
  return head.method === "GET" && /[?&]sid=/.test(head.url);
}

export function isPayload(open: Open, { status }: Answer): boolean {
  return status === 200 && isPoll(open);
}

/** Request headers, flat, without those that ask for compression. */
export function uncompressed(headers: string[]): string[] {
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== "accept-encoding");
}

/** Sends an answer, with what was gathered before it. `isLast`: the connection ends with it. */
export function send({ request, response, last }: Open, answer: Answer, isLast: boolean, hooks?: Hooks): void {
  const { status, headers, body } = last ? joined(last, answer) : answer;
  if (status === 0) {
    request.socket.destroy();
    return;
  }
  if (response.headersSent) {
    // A middleware was first.
    if (!response.writableEnded) response.end();
    return;
  }
  if (hooks?.active) {
    const changed = asObject(headers);
    if (status === 200) hooks.change(changed, request);
    if (isLast) changed.Connection = "close";
    // One by one: middleware that waits for the headers knows no lists.
    for (const [name, value] of Object.entries(changed)) if (value !== undefined) response.setHeader(name, value);
    response.writeHead(status);
    response.end(body);
    return;
  }
  const flat = headers.flat();
  if (isLast) flat.push("Connection", "close");
  response.writeHead(status, flat);
  response.end(body);
}

function asObject(headers: Headers): OutgoingHttpHeaders {
  const object: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const before = object[name];
    // Of several cookies each has a line.
    object[name] = before === undefined ? value : [before, value].flat();
  }
  return object;
}

/** One payload of several. A session that is over answers by an error, which is none for who has its last payload. */
function joined({ headers, payloads }: NonNullable<Open["last"]>, { status, body }: Answer): Answer {
  const all = status === 200 && body ? [...payloads, withoutClose(body)] : payloads;
  const parts = all.filter(({ length }) => length > 0).flatMap((part) => [SEPARATOR, part]);
  const whole = Buffer.concat(parts.slice(1));
  return { status: 200, headers: [...headers, ["Content-Length", String(whole.length)]], body: whole };
}

/** A payload without the packet that closes the session: the official client forgets what came with it. */
function withoutClose(payload: Buffer): Buffer {
  const text = payload.toString("latin1");
  if (text === CLOSE) return Buffer.alloc(0);
  return text.endsWith(`\x1e${CLOSE}`) ? payload.subarray(0, -2) : payload;
}
