// Turns what the native side tells into sockets and events. Only namespaces that somebody listens to get here.

import type { InboxEvent } from "../../native.js";
import { authenticate, type Identity, Refusal } from "./authenticate.js";
import { decode } from "./binary.js";
import type { Engine } from "./engine.js";
import { Expiry } from "./expiry.js";
import type { Namespace } from "./namespace.js";
import { Kept } from "./recovery.js";
import { Socket } from "./socket.js";
import { type ConnectInfo, type DisconnectReason, RESERVED_EVENTS } from "./socket-types.js";
import type { Any } from "./typed-events.js";

type AnySocket = Socket<Any, Any, Any, Any>;
type AnyNamespace = Namespace<Any, Any, Any, Any>;

export class Dispatcher {
  readonly #namespaces: ReadonlyMap<string, AnyNamespace>;
  readonly #sockets = new Map<number, AnySocket>();
  /** Sockets that wait for an answer; the value turns true when they leave before it. */
  readonly #asking = new Map<number, { gone: boolean }>();
  readonly #expiry = new Expiry();
  readonly #kept = new Kept();
  #engine!: Engine;

  constructor(namespaces: ReadonlyMap<string, AnyNamespace>) {
    this.#namespaces = namespaces;
  }

  /** Called once, before any event. */
  use(engine: Engine): void {
    this.#engine = engine;
  }

  handle(event: InboxEvent): void {
    switch (event.kind) {
      case "connecting":
        void this.#decide(event.socket, JSON.parse(event.text ?? "") as ConnectInfo);
        break;
      case "connect": {
        const info = JSON.parse(event.text ?? "") as ConnectInfo;
        const nsp = this.#namespaces.get(info.nsp);
        if (nsp) this.#connected(this.#create(nsp, event.socket, info, info.userId ?? null), event.socket);
        break;
      }
      case "event":
      case "ack":
        this.#packet(event);
        break;
      case "disconnect":
        this.#left(event);
        break;
    }
  }

  /** The server is closed: whoever is left learns of it. */
  end(): void {
    this.#expiry.clear();
    for (const asking of this.#asking.values()) asking.gone = true;
    this.#asking.clear();
    for (const [key, socket] of [...this.#sockets]) {
      this.#sockets.delete(key);
      socket._onclose("server shutting down", []);
    }
  }

  /** Asks `authenticate`, then the namespace's middleware, then lets the socket in. */
  async #decide(key: number, info: ConnectInfo): Promise<void> {
    const nsp = this.#namespaces.get(info.nsp);
    if (!nsp) return this.#refuse(key, { message: "Invalid namespace" });
    const asking = { gone: false };
    this.#asking.set(key, asking);

    let identity: Identity | undefined;
    const { authenticate: check } = this.#engine.options;
    if (check) {
      const verdict = await authenticate(check, info);
      if (asking.gone) return;
      if (verdict instanceof Refusal) return this.#refuse(key, verdict);
      identity = verdict;
    }
    if (!nsp._tracked) {
      this.#accept(key, info, identity);
      return;
    }
    const userId = identity?.userId ?? null;
    // A session is taken up again by its own user alone.
    const recovered = info.recovered === true && (info.userId ?? null) === userId;
    const socket = this.#create(nsp, key, { ...info, recovered }, userId);
    Object.assign(socket.data, identity?.data);
    try {
      nsp._run(socket, (error) => {
        process.nextTick(() => {
          if (asking.gone) return;
          if (error) return this.#refuse(key, { message: error.message, data: error.data });
          this.#accept(key, info, identity);
          this.#connected(socket, key);
        });
      });
    } catch (error) {
      this.#refuse(key, { message: "middleware failed" });
      throw error;
    }
  }

  #accept(key: number, info: ConnectInfo, identity: Identity | undefined): void {
    this.#asking.delete(key);
    this.#engine.native.accept(this.#engine.id, key, identity?.userId ?? null);
    const { native, id } = this.#engine;
    if (identity?.expiresAt !== undefined) {
      this.#expiry.set(key, identity.expiresAt, () => native.disconnectSockets(id, info.nsp, [info.id], [], true));
    }
  }

  #refuse(key: number, error: { message: string; data?: unknown }): void {
    this.#asking.delete(key);
    let text: string;
    try {
      text = JSON.stringify({ message: String(error.message), data: error.data });
    } catch {
      text = JSON.stringify({ message: String(error.message) });
    }
    this.#engine.native.deny(this.#engine.id, key, text);
  }

  #create(nsp: AnyNamespace, key: number, info: ConnectInfo, userId: string | null): AnySocket {
    const socket = new Socket<Any, Any, Any, Any>(nsp, key, info, userId);
    if (info.recovered) Object.assign(socket.data, this.#kept.take(info.id));
    return socket;
  }

  #connected(socket: AnySocket, key: number): void {
    this.#sockets.set(key, socket);
    socket.nsp._add(socket);
  }

  #packet(event: InboxEvent): void {
    const socket = this.#sockets.get(event.socket);
    if (!socket) return;
    let args: unknown[];
    try {
      args = decode(event.text, event.data);
      if (event.kind === "event" && RESERVED_EVENTS.has(args[0])) throw new Error("reserved event name");
    } catch (error) {
      // As for any packet that cannot be read.
      this.#engine.native.closeConnection(this.#engine.id, event.socket);
      socket._onerror(error);
      return;
    }
    if (event.kind === "ack") socket._onack(event.id, args);
    else socket._onevent(args, event.id);
  }

  #left(event: InboxEvent): void {
    this.#expiry.delete(event.socket);
    const asking = this.#asking.get(event.socket);
    if (asking) asking.gone = true;
    this.#asking.delete(event.socket);
    const socket = this.#sockets.get(event.socket);
    if (!socket) return;
    this.#sockets.delete(event.socket);
    const { reason, rooms } = JSON.parse(event.text ?? "") as { reason: DisconnectReason; rooms?: string[] };
    const { recoveryDuration } = this.#engine.options.native;
    if (recoveryDuration !== undefined) this.#kept.keep(socket.id, socket.data, reason, recoveryDuration);
    socket._onclose(reason, rooms ?? []);
  }
}
