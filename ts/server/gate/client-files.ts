// The files of socket.io-client, for pages without a bundler: `<script src="/socket.io/socket.io.js">`.

import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, deflate, gzip } from "node:zlib";
import type { CorsAnswer, RequestHead } from "../../../native.js";
import { warnOnce } from "../process/registry.js";
import { clientFolder } from "./client-folder.js";
import type { Gate } from "./gate.js";
import { badRequest } from "./polling.js";
import { decideCors, requestHead } from "./request.js";

const NAMES: ReadonlySet<string> = new Set(
  ["socket.io", "socket.io.min", "socket.io.esm.min", "socket.io.msgpack.min"].flatMap((name) => [
    `${name}.js`,
    `${name}.js.map`,
  ]),
);

const CODINGS = { br: promisify(brotliCompress), gzip: promisify(gzip), deflate: promisify(deflate) };
type Coding = keyof typeof CODINGS;

type Asked = IncomingHttpHeaders | Record<string, string>;
type Headers = Array<[string, string]>;

interface Answer {
  status: number;
  headers: Headers;
  body?: Buffer;
}

let installed: ReturnType<typeof clientFolder>;

/** What was read, and compressed, stays: 8 files, 2 MB with all codings. By its path and coding. */
const bodies = new Map<string, Promise<Buffer>>();

/** Whether what comes behind the path and its slash is one of the files. */
export function isClientFile(rest: string): boolean {
  return NAMES.has(rest);
}

/** The file that a URL names. */
export function clientFileOf(path: string, url = ""): string | undefined {
  const end = url.indexOf("?");
  const rest = url.slice(path.length + 1, end < 0 ? undefined : end);
  return isClientFile(rest) ? rest : undefined;
}

/** Answers a request for a file, with what `cors` says. */
export function serveFile(gate: Gate, name: string, request: IncomingMessage, response: ServerResponse): void {
  request.on("error", () => {});
  response.on("error", () => {});
  request.resume();
  decideCors(gate, request, requestHead(request), (head) => {
    if (!head) return badRequest(response);
    void fileAnswer(gate, name, request.headers, head).then(({ status, headers, body }) => {
      if (response.destroyed || response.headersSent) return;
      response.writeHead(status, headers.flat());
      response.end(body);
    });
  });
}

/** The same as an answer. `head`: with the decision about CORS, if the application has one. */
export async function fileAnswer(gate: Gate, name: string, asked: Asked, head: RequestHead): Promise<Answer> {
  const cors = corsOf(gate, head);
  if (!cors) return { status: 503, headers: [["Content-Length", "0"]] };
  const more = cors.headers as Array<[string, string]>;
  if (cors.status !== undefined) return { status: cors.status, headers: more };
  const { status, headers, body } = await clientFile(name, asked);
  const vary = more.filter(([name]) => name === "Vary").map(([, value]) => value);
  const rest = more.filter(([name]) => name !== "Vary");
  const all: Headers = [...headers, ...rest, ["Vary", [...vary, "Accept-Encoding"].join(", ")]];
  return { status, headers: all, ...(body && { body }) };
}

/** What the native side says about CORS; nothing if it is closed. */
function corsOf({ native, id }: Gate, head: RequestHead): CorsAnswer | undefined {
  try {
    return native.corsAnswer(id, head);
  } catch {
    return undefined;
  }
}

/** The answer to a request for one of the files; 404 if socket.io-client is not installed. */
async function clientFile(name: string, headers: Asked): Promise<Answer> {
  installed ??= clientFolder();
  const found = installed;
  if (!found) return missing(name);
  const etag = `"${found.version}"`;
  const asked = headers["if-none-match"];
  if (asked === etag || asked === `W/${etag}`) return { status: 304, headers: [] };
  const coding = accepted(headers["accept-encoding"]);
  const path = join(found.folder, name);
  const key = `${coding} ${path}`;
  let body: Buffer;
  try {
    const pending = bodies.get(key) ?? load(path, coding);
    bodies.set(key, pending);
    body = await pending;
  } catch {
    bodies.delete(key);
    return missing(name);
  }
  const type = name.endsWith(".map") ? "json" : "javascript";
  return {
    status: 200,
    headers: [
      ["Cache-Control", "public, max-age=0"],
      ["Content-Type", `application/${type}; charset=utf-8`],
      ["ETag", etag],
      ["Content-Length", String(body.length)],
      ...(coding ? [["Content-Encoding", coding] as [string, string]] : []),
    ],
    body,
  };
}

async function load(path: string, coding: Coding | undefined): Promise<Buffer> {
  const plain = await readFile(path);
  return coding ? CODINGS[coding](plain) : plain;
}

function missing(name: string): Answer {
  warnOnce(
    "NSELF_CLIENT_FILES",
    `${name} was asked for, and is not there: npm install socket.io-client, of which the server takes it; or set the option ` +
      "serveClient to false, and take the client from elsewhere",
  );
  const body = Buffer.from("The client is not installed on this server.\n");
  return {
    status: 404,
    headers: [
      ["Content-Type", "text/plain"],
      ["Content-Length", String(body.length)],
    ],
    body,
  };
}

/** The coding that an Accept-Encoding header prefers; of those that it likes as much, the first that it names. */
export function accepted(header: unknown): Coding | undefined {
  if (typeof header !== "string") return undefined;
  const named = header.split(",").map((part) => {
    const [coding = "", ...fields] = part.split(";").map((field) => field.trim().toLowerCase());
    const quality = Number(fields.find((field) => field.startsWith("q="))?.slice(2) ?? 1);
    return { coding, quality: Number.isNaN(quality) ? 0 : quality };
  });
  const rest = named.find(({ coding }) => coding === "*")?.quality;
  const unnamed = ["br", "gzip", "deflate"].filter((one) => !named.some(({ coding }) => coding === one));
  if (rest !== undefined) named.push(...unnamed.map((coding) => ({ coding, quality: rest })));
  const plain = named.find(({ coding }) => coding === "identity")?.quality ?? 0;
  const [best] = named
    .filter(({ coding, quality }) => Object.hasOwn(CODINGS, coding) && quality > 0 && quality >= plain)
    .sort((a, b) => b.quality - a.quality);
  return best?.coding as Coding | undefined;
}
