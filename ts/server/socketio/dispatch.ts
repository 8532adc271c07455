// Turns what the native side tells into sockets and events. Only namespaces that somebody listens to get here.

import type { FoundSocket, InboxEvent } from "../../../native.js";
import { decode } from "../engine/binary.js";
import { ACK, type Engine, EVENT } from "../engine/engine.js";
import { authenticate, type Identity, Refusal } from "../options/authenticate.js";
import { authorizeJoin } from "../options/authorize-join.js";
import { type ConnectInfo, RESERVED_EVENTS } from "../options/handshake.js";
import { checkEvent } from "../options/schemas.js";
import type { Any } from "../options/typed-events.js";
import type { RealtimeError } from "../process/errors.js";
import { later, raise } from "../process/handler-errors.js";
import type { EngineServer } from "./engine-server.js";
import type { Namespace } from "./namespace.js";
import { type Peer, type PeerInfo, Peers, verdictOn } from "./peers.js";
import { Kept } from "./recovery.js";
import { RemoteSocket } from "./remote-socket.js";
import { Socket } from "./socket.js";
import type { DisconnectReason } from "./socket-types.js";
import { transportError } from "./transport-error.js";

type AnySocket = Socket<Any, Any, Any, Any>;
type AnyNamespace = Namespace<Any, Any, Any, Any>;

/** What Engine.IO calls a forced close: Socket.IO's words for the ends that the server brings about. */
const BY_THE_SERVER: ReadonlySet<string> = new Set(["server shutting down", "server namespace disconnect"]);

/** A socket came into a room, or left it. */
interface Stay {
  nsp: string;
  room: string;
  id: string;
  joined: boolean;
}

/** A socket that waits for an answer, which is given once. */
interface Asking {
  /** `authenticate` has not decided yet: its work goes on, whether the client stays or not. */
  authenticating: boolean;
  /** Called when it waits no more. */
  end?: () => void;
}

export class Dispatcher {
  readonly #namespaces: ReadonlyMap<string, AnyNamespace>;
  readonly #sockets = new Map<number, AnySocket>();
  /** Sockets that wait for an answer. */
  readonly #asking = new Map<number, Asking>();
  readonly #peers: Peers;
  readonly #server: EngineServer;
  readonly #kept = new Kept();
  #engine!: Engine;

  /** Makes the namespace that a client asks for, if there is to be one. */
  readonly #resolve: (name: string, auth: { [key: string]: Any }) => Promise<void>;

  constructor(
    namespaces: ReadonlyMap<string, AnyNamespace>,
    resolve: (name: string, auth: { [key: string]: Any }) => Promise<void>,
    server: EngineServer,
    owner: object,
  ) {
    this.#namespaces = namespaces;
    this.#resolve = resolve;
    this.#server = server;
    this.#peers = new Peers(server, owner);
  }

  /** Called once, before any event. */
  use(engine: Engine): void {
    this.#engine = engine;
    this.#peers.engine = engine;
  }

  handle(event: InboxEvent): void {
    switch (event.kind) {
      case "connecting":
        void this.#decide(event.socket, JSON.parse(event.text ?? "") as ConnectInfo);
        break;
      case "connect": {
        const info = JSON.parse(event.text ?? "") as ConnectInfo;
        const nsp = this.#namespaces.get(info.nsp);
        const peer = this.#peers.enter(info, event.socket);
        if (nsp?._tracked) {
          this.#connected(this.#create(nsp, event.socket, info, info.userId ?? null, peer), event.socket);
        }
        break;
      }
      case "join":
        void this.#join(event.socket, event.id ?? 0, event.text ?? "");
        break;
      case "event":
      case "ack":
        this.#packet(event);
        break;
      case "disconnect":
        this.#left(event);
        break;
      case "namespace":
        void this.#name(event.socket, event.id ?? 0, event.text ?? "{}");
        break;
      case "stay": {
        const { nsp, room, id, joined } = JSON.parse(event.text ?? "{}") as Stay;
        this.#namespaces.get(nsp)?._stay(room, id, joined);
        break;
      }
      case "fault":
        this.#sockets.get(event.socket)?._onerror(new Error(event.text));
        break;
      case "refused":
        this.#server._refused(event.text ?? "");
        break;
      default:
        this.#line(event);
    }
  }

  /** Something happened to a connection. */
  #line({ kind, socket: connection, text = "", data }: InboxEvent): void {
    const peer = this.#peers.get(connection);
    switch (kind) {
      case "opened": {
        const info = { ...(JSON.parse(text) as Omit<PeerInfo, "connection">), connection };
        this.#server.emit("connection", this.#peers.open(info).client.conn);
        break;
      }
      case "upgraded":
        if (!peer) break;
        peer.transport = "websocket";
        peer.knownConn?._onupgrade();
        break;
      case "packet":
      case "sent":
        peer?.knownConn?._onpacket(text, data?.[0], kind === "sent");
        break;
      case "drained":
        peer?.knownConn?._ondrain();
        break;
      case "ended": {
        const { reason, description } = JSON.parse(text) as { reason: string; description?: string };
        this.#peers.end(connection, BY_THE_SERVER.has(reason) ? "forced close" : reason, description);
        break;
      }
    }
  }

  /** Makes objects for the sockets of a namespace that have none. */
  adopt(nsp: AnyNamespace): void {
    for (const { key, info } of this.#engine.native.findSockets(this.#engine.id, nsp.name, [], [], "adopt")) {
      if (info === undefined || this.#sockets.has(key)) continue;
      const known = JSON.parse(info) as ConnectInfo;
      const socket = this.#create(nsp, key, known, known.userId ?? null, this.#peers.enter(known, key));
      this.#sockets.set(key, socket);
      nsp._adopt(socket);
    }
  }

  /** A socket that was found: its object, or as it was found; null if its object is over, undefined if too little was found. */
  known(nsp: AnyNamespace, found: FoundSocket): AnySocket | RemoteSocket | undefined | null {
    const socket = this.#sockets.get(found.key);
    if (socket) return socket.connected ? socket : null;
    if (found.info === undefined) return undefined;
    const info = JSON.parse(found.info) as ConnectInfo;
    return new RemoteSocket(
      nsp,
      { id: found.id, rooms: found.rooms ?? [] },
      info,
      this.#peers.get(info.connection)?.identity?.data,
    );
  }

  /** The server is closed: whoever is left learns of it. */
  end(): void {
    for (const key of [...this.#asking.keys()]) this.#decided(key);
    for (const [key, socket] of [...this.#sockets]) {
      this.#sockets.delete(key);
      socket._onclose("server shutting down", []);
    }
    this.#peers.clear();
  }

  /** Asks `authenticate`, then the namespace's middleware, then lets the socket in. */
  async #decide(key: number, info: ConnectInfo): Promise<void> {
    const nsp = this.#namespaces.get(info.nsp);
    if (!nsp) return this.#refuse(key, { message: "Invalid namespace" });
    const asking: Asking = { authenticating: true };
    this.#asking.set(key, asking);
    const isThere = () => this.#asking.get(key) === asking;

    const peer = this.#peers.enter(info, key);
    let identity: Identity | undefined;
    const { authenticate: check } = this.#engine.options;
    if (info.known || !check) {
      identity = peer.identity;
    } else {
      const verdict = await verdictOn(peer, () => authenticate(check, info));
      if (!isThere()) return this.#engine.native.abandon(this.#engine.id);
      if (verdict instanceof Refusal) return this.#refuse(key, verdict);
      identity = verdict;
    }
    asking.authenticating = false;
    const userId = (info.known ? info.userId : identity?.userId) ?? null;
    if (!nsp._tracked) {
      this.#accept(key, userId, identity);
      return;
    }
    // A session is taken up again by its own user alone.
    const session = (info.session?.userId ?? null) === userId ? info.session : undefined;
    const known = session ? { ...info, id: session.id, recovered: true } : info;
    const socket = this.#create(nsp, key, known, userId, peer, identity);
    asking.end = () => nsp._preConnectSockets.delete(socket.id);
    nsp._preConnectSockets.set(socket.id, socket);
    try {
      nsp._run(socket, (error) => {
        later(() => {
          if (!isThere()) return;
          if (error) return this.#refuse(key, typeof error === "string" ? { message: error } : error, nsp);
          this.#accept(key, userId, identity);
          this.#connected(socket, key);
        });
      });
    } catch (error) {
      if (isThere()) this.#refuse(key, { message: "middleware failed" }, nsp);
      raise(error);
    }
  }

  #accept(key: number, userId: string | null, identity: Identity | undefined): void {
    this.#decided(key);
    const { native, id } = this.#engine;
    native.accept(id, key, userId, identity?.session, identity?.expiresAt);
  }

  async #name(connection: number, question: number, text: string): Promise<void> {
    const { name, auth } = JSON.parse(text) as { name: string; auth: { [key: string]: Any } };
    const { native, id } = this.#engine;
    await this.#resolve(name, auth).catch(raise);
    native.decideNamespace(id, connection, question);
  }

  async #join(key: number, question: number, room: string): Promise<void> {
    const { native, id, options } = this.#engine;
    const socket = this.#sockets.get(key);
    if (!socket || !options.authorizeJoin) return;
    native.decideJoin(id, key, question, await authorizeJoin(options.authorizeJoin, socket, room));
  }

  #decided(key: number): void {
    this.#asking.get(key)?.end?.();
    this.#asking.delete(key);
  }

  #refuse(key: number, error: { message: string; data?: unknown }, nsp?: AnyNamespace): void {
    this.#decided(key);
    this.#peers.leave(key);
    let text: string;
    try {
      text = JSON.stringify({ message: String(error.message), data: error.data });
    } catch {
      text = JSON.stringify({ message: String(error.message) });
    }
    this.#engine.native.deny(this.#engine.id, key, text);
    nsp?._left();
  }

  #create(
    nsp: AnyNamespace,
    key: number,
    info: ConnectInfo,
    userId: string | null,
    peer: Peer,
    identity: Identity | undefined = peer.identity,
  ): AnySocket {
    const socket = new Socket<Any, Any, Any, Any>(nsp, key, info, userId, peer);
    if (info.recovered) Object.assign(socket.data, this.#kept.take(info.id));
    Object.assign(socket.data, identity?.data);
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
    else if (this.#isValid(socket, event, args)) socket._onevent(args, event.id);
  }

  /** Checks an event that has a schema, and puts what that gives in its place. If it is wrong, its client learns it. */
  #isValid({ nsp }: AnySocket, event: InboxEvent, args: unknown[]): boolean {
    const [name, ...rest] = args;
    const schema = this.#engine.options.schemas?.get(name as string);
    if (!schema) return true;
    try {
      args.splice(1, args.length, checkEvent(name as string, schema, rest, nsp._enveloped));
      return true;
    } catch (error) {
      const { code, message } = error as RealtimeError;
      const told = { code, error: message };
      if (typeof event.id === "number") {
        this.#engine.send(event.socket, ACK, event.id, 0, [{ ok: false, ...told }]);
      } else {
        const envelope = { type: "error", data: told, timestamp: new Date().toISOString() };
        this.#engine.send(event.socket, EVENT, null, 0, ["error", nsp._enveloped ? envelope : told]);
      }
      return false;
    }
  }

  #left(event: InboxEvent): void {
    const asking = this.#asking.get(event.socket);
    this.#decided(event.socket);
    if (asking?.authenticating === false) this.#engine.native.abandon(this.#engine.id);
    const socket = this.#sockets.get(event.socket);
    if (!socket) {
      this.#peers.leave(event.socket);
      return;
    }
    this.#sockets.delete(event.socket);
    const { reason, rooms, description } = JSON.parse(event.text ?? "") as {
      reason: DisconnectReason;
      rooms?: string[];
      description?: string;
    };
    const { recoveryDuration } = this.#engine.options.native;
    if (recoveryDuration !== undefined) this.#kept.keep(socket.id, socket.data, reason, recoveryDuration);
    try {
      socket._onclose(reason, rooms ?? [], transportError(description));
    } finally {
      this.#peers.leave(event.socket);
    }
  }
}
