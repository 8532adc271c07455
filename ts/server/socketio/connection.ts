// The connection under sockets, as Engine.IO's Socket. It is made when somebody wants it, and what happens to the connection is told
// only while somebody listens.

import type { IncomingMessage } from "node:http";
import type { Engine } from "../engine/engine.js";
import { refuseMembers } from "../process/errors.js";
import { HeardEmitter } from "../process/heard-emitter.js";
import type { EngineServer } from "./engine-server.js";
import type { Peer, TransportName } from "./peers.js";
import { transportError } from "./transport-error.js";

/** What the native side is asked to tell of a connection. */
const END = 2;
const WATCHED: ReadonlyArray<readonly [bit: number, events: readonly string[]]> = [
  [4, ["packet", "data", "message", "heartbeat"]],
  [8, ["packetCreate"]],
  [16, ["drain", "flush"]],
];

/** Types of Engine.IO's packets, by their digit. */
const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

interface State {
  transport: TransportName;
  readyState: "open" | "closing" | "closed";
  upgrading: boolean;
  upgraded: boolean;
  /** Packets. */
  waiting: number;
}

/** One packet of Engine.IO. */
export interface EnginePacket {
  type: string;
  data?: string | Buffer;
}

/** How a connection's packets travel. */
export class Transport {
  /** The revision of the Engine.IO protocol. */
  readonly protocol = 4;
  readonly sid: string;
  readonly name: TransportName;

  constructor(name: TransportName, sid: string) {
    this.name = name;
    this.sid = sid;
  }
}

/**
 * Socket.IO's `socket.conn`. Events: `upgrade` (transport), `close` (reason, description), `packet`, `packetCreate`, `data`,
 * `message`, `heartbeat`, `drain`, `flush`.
 */
export class Connection extends HeardEmitter {
  /** The id of the Engine.IO session. It is a secret between the client and the server. */
  readonly id: string;
  /** The revision of the Engine.IO protocol. */
  readonly protocol = 4;
  /** The same as `io.engine`. */
  readonly server: EngineServer;
  /** How its packets travel now. */
  transport: Transport;
  readonly #peer: Peer;
  readonly #engine: Engine;
  readonly #key: number;
  #watched = 0;
  #isOver = false;

  /** Connections are made by the server. */
  constructor(peer: Peer, engine: Engine, server: EngineServer) {
    super();
    this.#peer = peer;
    this.#engine = engine;
    this.#key = peer.connection;
    this.id = peer.sid;
    this.server = server;
    this.transport = new Transport(peer.transport, peer.sid);
    this._heard();
  }

  /** The request that began the connection. */
  get request(): IncomingMessage {
    return this.#peer.request;
  }

  get remoteAddress(): string {
    return this.#peer.address;
  }

  /** `open`, `closing` or `closed`. Asks the native side. */
  get readyState(): State["readyState"] {
    return this.#state()?.readyState ?? "closed";
  }

  /** Whether it went over from polling to WebSocket. */
  get upgraded(): boolean {
    return this.#state()?.upgraded ?? false;
  }

  /** Whether a WebSocket is being tried out. Asks the native side. */
  get upgrading(): boolean {
    return this.#state()?.upgrading ?? false;
  }

  /** As many entries as packets wait for the client. Asks the native side. */
  get writeBuffer(): unknown[] {
    return Array.from({ length: this.#state()?.waiting ?? 0 });
  }

  /** Closes the connection; every socket on it disconnects with "forced close". `discard`: without what waits for the client. */
  close(discard = false): this {
    if (!this.#isOver) this.#engine.native.endConnection(this.#engine.id, this.#key, discard);
    return this;
  }

  /** Sends an Engine.IO message to the client, past Socket.IO. */
  send(data: string | Buffer | ArrayBuffer | ArrayBufferView, _options?: unknown, callback?: () => void): this {
    const { native, id } = this.#engine;
    const done = typeof _options === "function" ? (_options as () => void) : callback;
    if (!this.#isOver) {
      if (typeof data === "string") native.sendMessage(id, this.#key, data, undefined);
      else native.sendMessage(id, this.#key, undefined, bytes(data));
    }
    if (done) setImmediate(done);
    return this;
  }

  /** The same as `send`. */
  write(data: string | Buffer | ArrayBuffer | ArrayBufferView, options?: unknown, callback?: () => void): this {
    return this.send(data, options, callback);
  }

  /** It went over to WebSocket. @internal */
  _onupgrade(): void {
    this.transport = new Transport("websocket", this.id);
    this.emit("upgrade", this.transport);
  }

  /** A packet from the client, or (`sent`) to it: its type and text; binary data is attached. @internal */
  _onpacket(text: string, data: Buffer | undefined, sent: boolean): void {
    const packet: EnginePacket = data ? { type: "message", data } : { type: TYPES[Number(text[0])] ?? "" };
    if (!data && text.length > 1) packet.data = text.slice(1);
    if (packet.type === "message") packet.data ??= "";
    if (sent) {
      this.emit("packetCreate", packet);
      return;
    }
    this.emit("packet", packet);
    if (packet.type === "pong") this.emit("heartbeat");
    if (packet.type === "message") {
      this.emit("data", packet.data);
      this.emit("message", packet.data);
    }
  }

  /** All that waited was written. @internal */
  _ondrain(): void {
    this.emit("flush", []);
    this.emit("drain");
  }

  /** @internal */
  _onclose(reason: string, description: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.emit("close", reason, transportError(description));
  }

  /** @internal */
  protected override _heard(): void {
    if (this.#isOver) return;
    let wanted = END;
    for (const [bit, events] of WATCHED) if (events.some((event) => this.listenerCount(event) > 0)) wanted |= bit;
    if (wanted === this.#watched) return;
    this.#watched = wanted;
    this.#engine.native.watchConnection(this.#engine.id, this.#key, wanted);
  }

  #state(): State | undefined {
    if (this.#isOver) return undefined;
    const state = this.#engine.native.connectionState(this.#engine.id, this.#key);
    return state === null ? undefined : (JSON.parse(state) as State);
  }
}

function bytes(data: Buffer | ArrayBuffer | ArrayBufferView): Buffer {
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

const native = "the connection belongs to the native server";
refuseMembers(Transport.prototype, "socket.conn.transport", {
  on: "listen to socket.conn",
  once: "listen to socket.conn",
  socket: native,
  ws: native,
  send: "use socket.conn.send",
  close: "use socket.conn.close",
  writable: native,
});
