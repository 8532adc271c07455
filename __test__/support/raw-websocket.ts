// WebSocket by hand over TCP: any frame, right or wrong, and every frame of the server as it came.
import { createHash, randomBytes } from "node:crypto";
import { Queue } from "./queue.js";
import { HttpConnection, type HttpResponse, header, type TcpEnd } from "./raw-http.js";

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface Frame {
  fin: boolean;
  /** The three reserved bits, 0–7. */
  rsv: number;
  opcode: number;
  masked: boolean;
  payload: Buffer;
}

export interface FrameOptions {
  fin?: boolean;
  rsv?: number;
  mask?: boolean;
  /** How the length is written: 7 bits, or an extension of 16 or 64 bits. The shortest form by default. */
  form?: 7 | 16 | 64;
  /** The length that the head claims; the payload's own by default. */
  claim?: number | bigint;
}

/** The bytes of one frame from a client. */
export function encodeFrame(opcode: number, payload: string | Buffer = "", options: FrameOptions = {}): Buffer {
  const data = Buffer.from(payload);
  const claim = BigInt(options.claim ?? data.length);
  const form = options.form ?? (claim < 126n ? 7 : claim < 65536n ? 16 : 64);
  const masked = options.mask ?? true;
  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10);
  head[0] = ((options.fin ?? true) ? 0x80 : 0) | ((options.rsv ?? 0) << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (form === 7 ? Number(claim) : form === 16 ? 126 : 127);
  if (form === 16) head.writeUInt16BE(Number(claim), 2);
  if (form === 64) head.writeBigUInt64BE(claim, 2);
  if (!masked) return Buffer.concat([head, data]);
  const key = randomBytes(4);
  const hidden = Buffer.from(data);
  for (let i = 0; i < hidden.length; i++) hidden[i]! ^= key[i % 4]!;
  return Buffer.concat([head, key, hidden]);
}

function decodeFrame(bytes: Buffer): { frame: Frame; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  let at = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < at) return undefined;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  const masked = (bytes[1]! & 0x80) !== 0;
  if (masked) at += 4;
  if (bytes.length < at + length) return undefined;
  const frame = {
    fin: (bytes[0]! & 0x80) !== 0,
    rsv: (bytes[0]! >> 4) & 7,
    opcode: bytes[0]! & 15,
    masked,
    payload: bytes.subarray(at, at + length),
  };
  return { frame, length: at + length };
}

/** The code in a close frame; undefined if it has none. */
export function closeCode(frame: Frame): number | undefined {
  return frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : undefined;
}

/** An open WebSocket. A close frame of the server is echoed, as every client does, unless `echoClose` is false. */
export class RawWebSocket {
  readonly frames = new Queue<Frame>();
  echoClose = true;
  #buffer: Buffer = Buffer.alloc(0);
  #closeSent = false;

  constructor(readonly connection: HttpConnection) {
    connection.takeOver((chunk) => this.#read(chunk));
    void connection.ended.then((end) => this.frames.end(`the server ended the WebSocket (${end})`));
  }

  send(opcode: number, payload: string | Buffer = "", options: FrameOptions = {}): void {
    if (opcode === CLOSE) this.#closeSent = true;
    this.connection.write(encodeFrame(opcode, payload, options));
  }

  text(payload: string | Buffer, options?: FrameOptions): void {
    this.send(TEXT, payload, options);
  }

  binary(payload: Buffer, options?: FrameOptions): void {
    this.send(BINARY, payload, options);
  }

  /** Starts the closing handshake; without a code the frame is empty. */
  close(code?: number, reason = ""): void {
    const payload = code === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.alloc(2), Buffer.from(reason)]);
    if (code !== undefined) payload.writeUInt16BE(code);
    this.send(CLOSE, payload);
  }

  /** The next frame, control frames included. */
  next(what = "a WebSocket frame", ms?: number): Promise<Frame> {
    return this.frames.next(what, ms);
  }

  /** Every frame until the server ended the connection, and how it did. */
  async rest(what = "the end of the WebSocket", ms?: number): Promise<{ frames: Frame[]; end: TcpEnd }> {
    const frames = await this.frames.rest(what, ms);
    return { frames, end: await this.connection.closed(what, ms) };
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const decoded = decodeFrame(this.#buffer);
      if (!decoded) return;
      this.#buffer = this.#buffer.subarray(decoded.length);
      this.frames.push(decoded.frame);
      if (decoded.frame.opcode === CLOSE && this.echoClose && !this.#closeSent) {
        this.send(CLOSE, decoded.frame.payload);
      }
    }
  }
}

/** A key and the headers of a WebSocket handshake. */
export function upgradeHeaders(key = randomBytes(16).toString("base64")): Record<string, string> {
  return { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13" };
}

/** What the server must answer to a handshake's key. */
export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

export interface UpgradeOptions {
  method?: string;
  /** Replaces or adds handshake headers; an undefined value removes one. */
  headers?: Record<string, string | undefined>;
  /** Frames that are sent in the same write as the handshake. */
  head?: Buffer;
}

export interface Upgrade {
  response: HttpResponse;
  connection: HttpConnection;
  /** Whether Sec-WebSocket-Accept belongs to the key that was sent. */
  accepted: boolean;
  /** Present after a 101. */
  ws: RawWebSocket | undefined;
}

/** Asks for a WebSocket and reads the answer, whatever it is. */
export async function upgrade(port: number, target: string, options: UpgradeOptions = {}): Promise<Upgrade> {
  const connection = await HttpConnection.open(port);
  const all = { ...upgradeHeaders(), ...options.headers };
  const headers = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]));
  if (options.head) connection.socket.cork();
  connection.head(options.method ?? "GET", target, headers);
  if (options.head) {
    connection.write(options.head);
    connection.socket.uncork();
  }
  const response = await connection.response(`the answer to the upgrade of ${target}`);
  const accepted = header(response, "sec-websocket-accept") === acceptOf(headers["Sec-WebSocket-Key"] ?? "");
  return { response, connection, accepted, ws: response.status === 101 ? new RawWebSocket(connection) : undefined };
}
