// Socket.IO's `socket.request`, as far as the handshake tells it.

import type { IncomingHttpHeaders } from "node:http";
import type { Handshake } from "../options/handshake.js";
import type { Any } from "../options/typed-events.js";

/**
 * The request that began a connection: its head, in a plain object. It is no stream and has no response; whatever a middleware adds to
 * it stays, for this socket.
 */
export class HandshakeRequest {
  readonly method = "GET";
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress: string; readonly encrypted: boolean };
  /** The same as `socket`, under its older name. */
  readonly connection: HandshakeRequest["socket"];
  [more: string]: Any;

  constructor({ url, headers, address, secure }: Omit<Handshake, "auth">) {
    this.url = url;
    this.headers = headers;
    this.socket = { remoteAddress: address, encrypted: secure };
    this.connection = this.socket;
  }
}
