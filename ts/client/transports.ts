// Which transport the next attempt begins with.
//
// Not engine.io-client's own `tryAllTransports`: a handshake that a proxy swallows is no error to it, so it would never poll; and a
// transport that failed once is left out for the whole connection, which then does not change over to WebSocket.

import type { Socket } from "socket.io-client";

type Transport = "websocket" | "polling";

export class Transports {
  readonly #preferred: readonly Transport[];
  #order: Transport[];
  /** Transports that an attempt has not begun with yet in this round. */
  #left: number;

  constructor(preferred: readonly Transport[]) {
    this.#preferred = preferred;
    this.#order = [...preferred];
    this.#left = preferred.length;
  }

  /** In the order of the next attempt. Beginning with polling, the connection changes to WebSocket by itself when that works. */
  get order(): Transport[] {
    return [...this.#order];
  }

  /** A round of attempts begins. */
  begin(): void {
    this.#left = this.#preferred.length;
  }

  /** The first transport did not work. True: this round has another one. */
  failed(): boolean {
    this.#order = [...this.#order.slice(1), ...this.#order.slice(0, 1)];
    this.#left--;
    return this.#left > 0;
  }

  /** A connection was made: once it is over the preferred transport, the next one begins with that again. */
  connected(engine: Socket["io"]["engine"]): void {
    const check = () => {
      if (engine.transport.name === this.#preferred[0]) this.#order = [...this.#preferred];
    };
    check();
    engine.once("upgrade", check);
  }
}
