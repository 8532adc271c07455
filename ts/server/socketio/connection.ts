// The little of the connection under a socket that JavaScript knows.

import { refuseMembers } from "../process/errors.js";
import type { HandshakeRequest } from "./handshake-request.js";

/** Socket.IO's `socket.conn`, as far as it is supported; the rest throws ERR_UNSUPPORTED. */
export class Connection {
  readonly remoteAddress: string;
  /** The revision of the Engine.IO protocol. */
  readonly protocol = 4;
  /** The same as `socket.request`. */
  readonly request: HandshakeRequest;
  readonly #close: () => void;

  constructor(request: HandshakeRequest, close: () => void) {
    this.request = request;
    this.remoteAddress = request.socket.remoteAddress;
    this.#close = close;
  }

  /** Closes the connection; every socket on it disconnects with "forced close". */
  close(): this {
    this.#close();
    return this;
  }
}

const native = "the connection belongs to the native server";
refuseMembers(Connection.prototype, "socket.conn", {
  id: "it is a secret of the connection; use socket.id",
  transport: native,
  readyState: "use socket.connected",
  server: native,
  on: native,
  once: native,
  off: native,
  addListener: native,
  removeListener: native,
  removeAllListeners: native,
  emit: native,
  send: native,
  write: native,
  upgraded: native,
  upgrading: native,
});
