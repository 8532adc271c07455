// What an attacker says: TCP, HTTP and WebSocket by hand, from any loopback address, without any of a client's manners.

import { once } from "node:events";
import { connect } from "node:net";

export const PATH = "/api/ws/";
const MASK = Buffer.from([1, 2, 3, 4]);

/** A frame as a client sends it. `length`: what it says of its length, if that is a lie. */
export function frame(opcode, payload, { fin = true, length = payload.length } = {}) {
  const first = (fin ? 0x80 : 0) | opcode;
  let head;
  if (length < 126) head = Buffer.from([first, 0x80 | length]);
  else if (length < 65_536) head = Buffer.from([first, 0x80 | 126, length >> 8, length & 255]);
  else {
    head = Buffer.alloc(10);
    head.writeUInt16BE((first << 8) | 0x80 | 127);
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] ^= MASK[i & 3];
  return Buffer.concat([head, MASK, body]);
}

export const text = (packet) => frame(1, Buffer.from(packet));

/** One attacker: opens connections from its addresses in turn, and ends all of them with itself. */
export class Attacker {
  #next = 0;
  #sockets = new Set();

  constructor(port, addresses, seconds) {
    this.port = port;
    this.addresses = addresses;
    this.end = Date.now() + seconds * 1000;
  }

  get over() {
    return Date.now() >= this.end;
  }

  /** A TCP connection, or null if it was refused. */
  async tcp() {
    const localAddress = this.addresses[this.#next++ % this.addresses.length];
    const socket = connect({ port: this.port, host: "127.0.0.1", localAddress, noDelay: true });
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    const connected = await Promise.race([
      once(socket, "connect").then(
        () => true,
        () => false,
      ),
      once(socket, "close").then(() => false),
    ]);
    return connected && !socket.destroyed ? socket : null;
  }

  /** The first bytes that come, as text; "" at the end of the connection. */
  async answer(socket) {
    if (socket.destroyed) return "";
    const data = await Promise.race([
      once(socket, "data").then(([chunk]) => chunk.toString("latin1")),
      once(socket, "close").then(() => ""),
      pause(5000).then(() => ""),
    ]).catch(() => "");
    return data;
  }

  /** A WebSocket that has joined `/`, or null. What comes is dropped. */
  async webSocket() {
    const socket = await this.tcp();
    if (!socket) return null;
    socket.write(
      `GET ${PATH}?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const opened = await this.answer(socket);
    // A session's open packet may come with the 101 or behind it.
    if (!opened.startsWith("HTTP/1.1 101") || (!opened.includes("sid") && !(await this.answer(socket)))) {
      socket.destroy();
      return null;
    }
    socket.write(text("40"));
    if (!(await this.answer(socket)).includes("40{")) {
      socket.destroy();
      return null;
    }
    socket.resume();
    return socket;
  }

  /** The id of a polling session, or null. */
  async session() {
    const socket = await this.tcp();
    if (!socket) return null;
    socket.write(`GET ${PATH}?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const sid = /"sid":"([\w-]+)"/.exec(await this.answer(socket))?.[1];
    socket.destroy();
    return sid ?? null;
  }

  /** Writes, and waits for room. False: the connection is gone. */
  async write(socket, data) {
    if (socket.destroyed || !socket.writable) return false;
    if (!socket.write(data)) {
      await new Promise((resolve) => {
        const timer = setTimeout(go, 1000);
        function go() {
          clearTimeout(timer);
          socket.off("drain", go).off("close", go);
          resolve();
        }
        socket.once("drain", go).once("close", go);
      });
    }
    return !socket.destroyed;
  }

  /** Has so many at work until the time is over; `work` is called again and again. */
  async each(count, work) {
    const worker = async () => {
      while (!this.over) {
        await work();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all(Array.from({ length: count }, worker));
  }

  /** Keeps so many connections, as `open` makes them, and gives each a turn every `every` ms. */
  async keep(count, open, turn, every = 100) {
    let most = 0;
    const held = new Set();
    while (!this.over) {
      const opened = await Promise.all(
        Array.from({ length: Math.min(100, count - held.size) }, async () => (this.over ? null : open())),
      );
      for (const item of opened) if (item) held.add(item);
      for (const item of held) {
        if ((item.socket ?? item).destroyed) held.delete(item);
        else turn(item);
      }
      most = Math.max(most, held.size);
      if (held.size >= count || !opened.some(Boolean)) await pause(every);
    }
    return most;
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
