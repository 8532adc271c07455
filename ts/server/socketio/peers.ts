// Each connection that JavaScript knows a socket of: who is behind it, asked once, and what its sockets share. It is forgotten with the
// last of them, unless somebody has its `conn`: then when it ends.

import type { IncomingMessage } from "node:http";
import type { Engine } from "../engine/engine.js";
import type { Identity, Refusal } from "../options/authenticate.js";
import type { ConnectInfo } from "../options/handshake.js";
import { Client } from "./client.js";
import { Connection } from "./connection.js";
import type { EngineServer } from "./engine-server.js";
import { handshakeRequest } from "./handshake-request.js";

export type TransportName = "polling" | "websocket";

/** What the native side says of a connection. */
export type PeerInfo = Pick<ConnectInfo, "connection" | "sid" | "transport" | "token" | "handshake">;

export class Peer {
  /** The native side's name of it. */
  readonly connection: number;
  readonly sid: string;
  readonly address: string;
  transport: TransportName;
  verdict: Promise<Identity | Refusal> | undefined;
  identity: Identity | undefined;
  readonly sockets = new Set<number>();
  readonly #peers: Peers;
  readonly #handshake: PeerInfo["handshake"];
  #request: IncomingMessage | undefined;
  #client: Client | undefined;

  constructor(info: PeerInfo, peers: Peers) {
    this.#peers = peers;
    this.connection = info.connection;
    this.sid = info.sid;
    this.transport = info.transport;
    this.#handshake = info.handshake;
    this.address = info.handshake.address;
    this.#request = peers.engine.hooks.request(info.token);
  }

  /** The request that began the connection: Node's own, if the application has seen it. */
  get request(): IncomingMessage {
    this.#request ??= handshakeRequest(this.#handshake);
    return this.#request;
  }

  get client(): Client {
    if (!this.#client) {
      this.#client = new Client(new Connection(this, this.#peers.engine, this.#peers.server), this.#peers.owner);
      // From now on until it ends, also if no socket is left.
      this.#peers.keep(this);
    }
    return this.#client;
  }

  /** The connection, if somebody has looked at it. */
  get knownConn(): Connection | undefined {
    return this.#client?.conn;
  }
}

export class Peers {
  engine!: Engine;
  /** `io.engine`. */
  readonly server: EngineServer;
  /** The Socket.IO server. */
  readonly owner: object;
  readonly #peers = new Map<number, Peer>();
  readonly #connections = new Map<number, number>();

  constructor(server: EngineServer, owner: object) {
    this.server = server;
    this.owner = owner;
  }

  /** The peer of a socket that has come. */
  enter(info: PeerInfo, socket: number): Peer {
    const peer = this.open(info);
    peer.sockets.add(socket);
    this.#connections.set(socket, info.connection);
    return peer;
  }

  /** The peer of a connection. */
  open(info: PeerInfo): Peer {
    let peer = this.#peers.get(info.connection);
    if (!peer) {
      peer = new Peer(info, this);
      this.#peers.set(info.connection, peer);
    }
    return peer;
  }

  /** Keeps a peer until its connection ends. */
  keep(peer: Peer): void {
    if (!this.#peers.has(peer.connection)) this.#peers.set(peer.connection, peer);
  }

  get(connection: number): Peer | undefined {
    return this.#peers.get(connection);
  }

  /** A socket is gone, or was refused. */
  leave(socket: number): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    const peer = this.#peers.get(connection);
    peer?.sockets.delete(socket);
    if (peer?.sockets.size !== 0) return;
    // Who comes over it next says anew who it is.
    peer.verdict = undefined;
    peer.identity = undefined;
    if (!peer.knownConn) this.#peers.delete(connection);
  }

  /** A connection is over. */
  end(connection: number, reason: string, description?: string): void {
    const peer = this.#peers.get(connection);
    this.#peers.delete(connection);
    peer?.knownConn?._onclose(reason, description);
  }

  /** The server is over. */
  clear(): void {
    this.#connections.clear();
    for (const connection of [...this.#peers.keys()]) this.end(connection, "forced close");
  }
}

/** The verdict on a peer; `ask` makes it, if there is none yet. */
export async function verdictOn(peer: Peer, ask: () => Promise<Identity | Refusal>): Promise<Identity | Refusal> {
  peer.verdict ??= ask();
  const asked = peer.verdict;
  const verdict = await asked;
  // Whoever asked may have left meanwhile, and somebody else have come.
  if ("userId" in verdict && peer.verdict === asked) peer.identity = verdict;
  return verdict;
}
