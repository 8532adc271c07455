// Requests on a port of Rust's that the application has a say in: about CORS, or for the client's files.

import type { IncomingMessage } from "node:http";
import type { InboxEvent } from "../../../native.js";
import { clientFileOf, fileAnswer } from "./client-files.js";
import type { Gate } from "./gate.js";
import { decideCors } from "./request.js";

/** What the native side tells of one. */
interface Told {
  method: string;
  url: string;
  headers: Record<string, string>;
  rawHeaders: string[];
  remoteAddress: string;
}

/** Answers a `request` event. */
export function answerAsked(gate: Gate, event: InboxEvent): void {
  const id = event.id ?? 0;
  const { remoteAddress, ...told } = JSON.parse(event.text ?? "{}") as Told;
  const { path, serveClient } = gate.options;
  const head = { method: told.method, url: told.url, headers: told.rawHeaders, remoteAddress, secure: false };
  const { native } = gate;
  const file = serveClient ? clientFileOf(path, told.url) : undefined;
  decideCors(gate, like(told, remoteAddress), head, (decided) => {
    if (!decided) {
      native.answerRequest(id, { status: 400, headers: JSON_TYPE, body: Buffer.from(BAD_REQUEST) });
    } else if (file) {
      void fileAnswer(gate, file, told.headers, decided).then((answer) => native.answerRequest(id, answer));
    } else if (isBelow(path, told.url)) {
      native.answerRequest(id, { status: 404 });
    } else {
      native.answerRequest(id, decided.cors ? { cors: decided.cors } : {});
    }
  });
}

const JSON_TYPE = [["Content-Type", "application/json"]];
const BAD_REQUEST = '{"code":3,"message":"Bad request"}';

function isBelow(path: string, url: string): boolean {
  return !/^\/?(?:\?|$)/.test(url.slice(path.length));
}

/** As much of a Node request as a function of `cors` may look at. */
function like(told: Omit<Told, "remoteAddress">, remoteAddress: string): IncomingMessage {
  const socket = { remoteAddress };
  return { ...told, httpVersion: "1.1", socket, connection: socket } as unknown as IncomingMessage;
}
