// Socket.IO's `socket.request` where no request of Node's is at hand.

import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Handshake } from "../options/handshake.js";

/**
 * The request that began a connection, as Node would have had it: headers, url, method, the client's address; its body has ended.
 * Middleware of Node's takes it.
 */
export function handshakeRequest({ url, headers, address, secure, query }: Omit<Handshake, "auth">): IncomingMessage {
  const socket = new Socket();
  Object.defineProperties(socket, {
    remoteAddress: { value: address, enumerable: true },
    encrypted: { value: secure, enumerable: true },
  });
  const request = new IncomingMessage(socket);
  request.method = "GET";
  request.url = url;
  request.headers = { ...headers };
  request.rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
  request.httpVersion = "1.1";
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.complete = true;
  request.push(null);
  return Object.assign(request, { _query: { ...query } });
}
