// Socket.IO's `socket.client`: what the sockets of one connection share.

import type { IncomingMessage } from "node:http";
import type { Connection } from "./connection.js";

export class Client {
  /** The connection. */
  readonly conn: Connection;
  /** The Socket.IO server. */
  readonly server: object;

  constructor(conn: Connection, server: object) {
    this.conn = conn;
    this.server = server;
  }

  /** The id of the Engine.IO session. */
  get id(): string {
    return this.conn.id;
  }

  /** The request that began the connection. */
  get request(): IncomingMessage {
    return this.conn.request;
  }
}
