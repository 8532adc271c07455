// As much of a WebSocket client as the doctor needs: short texts, each in one frame (RFC 6455).

import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { PATIENCE, upgrade } from "./http.js";

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class WebSocketProbe {
  readonly #socket: Duplex;
  #bytes: Buffer;
  readonly #messages: string[] = [];
  #end: Error | undefined;
  #wake = () => {};

  private constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    this.#bytes = head;
    const end = (why: string) => {
      this.#end ??= Object.assign(new Error(why), { code: "CLOSED" });
      this.#wake();
    };
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#take();
    });
    socket.once("error", (error) => end(error.message));
    socket.once("close", () => end("the connection was closed"));
    this.#take();
  }

  /** Connects. Rejects with a Refusal for any answer but 101. */
  static async to(url: URL): Promise<WebSocketProbe> {
    const { socket, head } = await upgrade(url);
    return new WebSocketProbe(socket, head);
  }

  send(text: string): void {
    this.#frame(TEXT, Buffer.from(text));
  }

  /** The next message. Rejects when the connection ends, or after `patience` ms. */
  async next(patience = PATIENCE): Promise<string> {
    const until = performance.now() + patience;
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#end) throw this.#end;
      const left = until - performance.now();
      if (left <= 0) throw Object.assign(new Error(`nothing after ${patience / 1000} s`), { code: "ETIMEDOUT" });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(): void {
    for (;;) {
      const [first = 0, second = 0] = this.#bytes;
      const wide = (second & 127) === 126;
      const start = wide ? 4 : 2;
      if (this.#bytes.length < start) return;
      const length = wide ? this.#bytes.readUInt16BE(2) : second & 127;
      if (this.#bytes.length < start + length) return;
      const body = this.#bytes.subarray(start, start + length);
      this.#bytes = this.#bytes.subarray(start + length);
      const kind = first & 15;
      if (kind === TEXT) this.#messages.push(body.toString());
      else if (kind === PING) this.#frame(PONG, body);
      else if (kind === CLOSE) this.#socket.end();
      this.#wake();
    }
  }

  /** Clients mask what they send. */
  #frame(kind: number, body: Buffer): void {
    const mask = randomBytes(4);
    const masked = body.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | kind, 0x80 | body.length]), mask, masked]));
  }
}
