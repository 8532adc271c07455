// Requests of the doctor, as a browser's page on the server's own origin would make them.

import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";

/** How long an answer may take, in ms. */
export const PATIENCE = 10_000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that says no: the answer is not that of a real-time server. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super(`${answer.status}`);
  }
}

interface Sent {
  method?: string;
  body?: string;
  headers?: Record<string, string>;
  /** How long it may take, in ms. */
  patience?: number;
}

function open(url: URL, { method = "GET", headers = {} }: Sent) {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  // A connection of its own each, so that what several processes behind a proxy do differently shows.
  return send(url, {
    method,
    agent: false,
    headers: { origin: url.origin, "user-agent": "nself-realtime doctor", ...headers },
  });
}

async function read(response: IncomingMessage): Promise<Answer> {
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) {
    body += chunk;
    if (body.length > 65_536) break;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

function late(patience: number): Error {
  return Object.assign(new Error(`nothing after ${patience / 1000} s`), { code: "ETIMEDOUT" });
}

/** The answer to a request, whatever its status. */
export function fetchText(url: URL, sent: Sent = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { patience = PATIENCE } = sent;
    const request = open(url, sent);
    const timer = setTimeout(() => request.destroy(late(patience)), patience);
    request.once("close", () => clearTimeout(timer));
    request.once("error", reject);
    request.once("response", (response) => read(response).then(resolve, reject));
    request.end(sent.body);
  });
}

/** The connection of a WebSocket handshake, and the bytes that came with it. Rejects with a Refusal for any answer but 101. */
export function upgrade(url: URL): Promise<{ socket: Duplex; head: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = open(url, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "bnNlbGYtcmVhbHRpbWUhIQ==",
      },
    });
    const timer = setTimeout(() => request.destroy(late(PATIENCE)), PATIENCE);
    request.once("close", () => clearTimeout(timer));
    request.once("error", reject);
    request.once("response", (response) => read(response).then((answer) => reject(new Refusal(answer)), reject));
    request.once("upgrade", (_response, socket, head) => {
      clearTimeout(timer);
      resolve({ socket, head });
    });
    request.end();
  });
}
