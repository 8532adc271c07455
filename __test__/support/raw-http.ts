// HTTP/1.1 by hand over TCP: a test decides on every byte that goes out, and sees how the connection ended.
import net from "node:net";
import zlib from "node:zlib";
import { within } from "./deadline.js";
import { Queue } from "./queue.js";

/** How the server ended a TCP connection. */
export type TcpEnd = "fin" | "reset";

export interface HttpResponse {
  version: string;
  status: number;
  reason: string;
  /** As received: name and value, in order. */
  headers: [string, string][];
  /** Without transfer coding, still compressed if it was. */
  body: Buffer;
}

/** The value of a response header; several are joined by a comma. */
export function header(response: HttpResponse, name: string): string | undefined {
  const values = response.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

/** The body as text, decompressed. */
export function text(response: HttpResponse): string {
  const coding = header(response, "content-encoding");
  if (coding === "gzip") return zlib.gunzipSync(response.body).toString();
  if (coding === "deflate") return zlib.inflateSync(response.body).toString();
  return response.body.toString();
}

const open = new Map<number, Set<net.Socket>>();

/** Destroys what this file opened to `port`, so that a server can close at once. */
export function dropConnections(port: number): void {
  for (const socket of open.get(port) ?? []) socket.destroy();
  open.delete(port);
}

/** One TCP connection that speaks HTTP, and whatever an upgrade makes of it. */
export class HttpConnection {
  /** Resolves when the server has ended the connection. */
  readonly ended: Promise<TcpEnd>;
  readonly #responses = new Queue<HttpResponse>();
  readonly #heads: boolean[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #raw: ((chunk: Buffer) => void) | undefined;
  #upgraded = false;

  private constructor(readonly socket: net.Socket) {
    this.ended = new Promise((resolve) => {
      const finish = (end: TcpEnd) => {
        if (end === "fin") this.#parse(true);
        this.#responses.end(`the server ended the connection (${end})`);
        resolve(end);
      };
      socket.once("end", () => finish("fin"));
      socket.once("error", () => finish("reset"));
      socket.once("close", () => this.#responses.end("the connection is closed"));
    });
    socket.on("data", (chunk) => {
      if (this.#raw) return this.#raw(chunk);
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#parse(false);
    });
  }

  static async open(port: number): Promise<HttpConnection> {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const connection = new HttpConnection(socket);
    const others = open.get(port) ?? new Set();
    open.set(port, others.add(socket));
    socket.once("close", () => others.delete(socket));
    await within("a TCP connection", new Promise((resolve) => socket.once("connect", resolve)));
    return connection;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Writes the head of a request. Host is added; a body needs its own Content-Length or Transfer-Encoding. */
  head(method: string, target: string, headers: Record<string, string> = {}): void {
    this.#heads.push(method === "HEAD");
    const lines = Object.entries({ Host: `127.0.0.1:${this.socket.remotePort}`, ...headers });
    this.write(`${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  }

  /** The next response on this connection. */
  response(what = "an HTTP response", ms?: number): Promise<HttpResponse> {
    return this.#responses.next(what, ms);
  }

  /** After a 101: from here on `onData` gets the bytes, first those that came with the head. */
  takeOver(onData: (chunk: Buffer) => void): void {
    this.#raw = onData;
    if (this.#buffer.length > 0) onData(this.#buffer);
    this.#buffer = Buffer.alloc(0);
  }

  /** Sends FIN and goes on reading. */
  end(): void {
    this.socket.end();
  }

  /** Goes away with FIN, without reading what may still come. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Goes away with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits until the server ended the connection. */
  closed(what = "the end of the connection", ms?: number): Promise<TcpEnd> {
    return within(what, this.ended, ms);
  }

  #parse(atEnd: boolean): void {
    while (!this.#upgraded && this.#buffer.length > 0) {
      const parsed = parseResponse(this.#buffer, this.#heads[0] ?? false, atEnd);
      if (!parsed) return;
      this.#buffer = this.#buffer.subarray(parsed.length);
      if (parsed.response.status === 101) this.#upgraded = true;
      if (parsed.response.status >= 200) this.#heads.shift();
      this.#responses.push(parsed.response);
    }
  }
}

function parseResponse(bytes: Buffer, head: boolean, atEnd: boolean) {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const match = /^(HTTP\/1\.[01]) (\d{3}) ?(.*)$/.exec(statusLine);
  if (!match) throw new Error(`not a status line: ${statusLine}`);
  const response: HttpResponse = {
    version: match[1]!,
    status: Number(match[2]),
    reason: match[3]!,
    headers: lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
    body: Buffer.alloc(0),
  };
  const start = headEnd + 4;
  if (head || response.status < 200 || response.status === 204 || response.status === 304) {
    return { response, length: start };
  }
  if (header(response, "transfer-encoding") === "chunked") {
    const chunked = parseChunks(bytes, start);
    return chunked && { response: { ...response, body: chunked.body }, length: chunked.end };
  }
  const declared = header(response, "content-length");
  const length = declared === undefined ? (atEnd ? bytes.length - start : undefined) : Number(declared);
  if (length === undefined || bytes.length < start + length) return undefined;
  return { response: { ...response, body: bytes.subarray(start, start + length) }, length: start + length };
}

function parseChunks(bytes: Buffer, start: number) {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    const end = line + 2 + size + 2;
    if (bytes.length < end) return undefined;
    if (size === 0) return { body: Buffer.concat(parts), end };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = end;
  }
}

export interface RequestOptions {
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** One request on a connection of its own. Content-Length is added for a body. */
export async function request(
  port: number,
  method: string,
  target: string,
  options: RequestOptions = {},
): Promise<HttpResponse> {
  const connection = await HttpConnection.open(port);
  const body = options.body === undefined ? undefined : Buffer.from(options.body);
  const length = body === undefined ? {} : { "Content-Length": String(body.length) };
  connection.head(method, target, { ...length, ...options.headers });
  if (body) connection.write(body);
  try {
    return await connection.response(`the response to ${method} ${target}`);
  } finally {
    connection.destroy();
  }
}
