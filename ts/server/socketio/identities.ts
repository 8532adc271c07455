// Who is behind each connection: asked once, shared by its sockets in all namespaces, forgotten with the last of them.

import type { Identity, Refusal } from "../options/authenticate.js";

interface Entry {
  verdict: Promise<Identity | Refusal> | undefined;
  identity: Identity | undefined;
  sockets: Set<number>;
}

export class Identities {
  readonly #entries = new Map<string, Entry>();
  readonly #connections = new Map<number, string>();

  /** The verdict on a connection that a socket has come over; `ask` makes it, if there is none yet. */
  async verdict(
    connection: string,
    socket: number,
    ask: () => Promise<Identity | Refusal>,
  ): Promise<Identity | Refusal> {
    const entry = this.#enter(connection, socket);
    entry.verdict ??= ask();
    const verdict = await entry.verdict;
    if ("userId" in verdict) entry.identity = verdict;
    return verdict;
  }

  /** The identity behind a connection, if it is known, for a socket about which nobody need be asked. */
  known(connection: string, socket: number): Identity | undefined {
    return this.#enter(connection, socket).identity;
  }

  /** The identity behind a connection, if it is known. */
  of(connection: string): Identity | undefined {
    return this.#entries.get(connection)?.identity;
  }

  /** A socket is gone, or was refused. */
  leave(socket: number): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    const entry = this.#entries.get(connection);
    entry?.sockets.delete(socket);
    if (entry?.sockets.size === 0) this.#entries.delete(connection);
  }

  clear(): void {
    this.#entries.clear();
    this.#connections.clear();
  }

  #enter(connection: string, socket: number): Entry {
    let entry = this.#entries.get(connection);
    if (!entry) {
      entry = { verdict: undefined, identity: undefined, sockets: new Set() };
      this.#entries.set(connection, entry);
    }
    entry.sockets.add(socket);
    this.#connections.set(socket, connection);
    return entry;
  }
}
