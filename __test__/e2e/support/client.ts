// The official Socket.IO client, as the tests use it.

import { io, type ManagerOptions, type Socket } from "socket.io-client";
import type { Envelope } from "../../../ts/events.js";

export type Transport = "websocket" | "polling";

/** How long to wait for what must come, in ms: only what hangs reaches it. */
const PATIENCE = 120_000;

const clients = new Set<Socket>();

/** Resolves with a connected client that stays on `transport`. */
export async function connect(
  url: string,
  transport: Transport,
  options: Partial<ManagerOptions> = {},
): Promise<Socket> {
  const socket = io(url, {
    path: "/api/ws",
    transports: [transport],
    upgrade: false,
    reconnection: false,
    forceNew: true,
    ...options,
  });
  clients.add(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return socket;
}

/** Ends every client that {@link connect} made. */
export function disconnectAll(): void {
  for (const socket of clients) socket.disconnect();
  clients.clear();
}

/** Joins a room of the nself layer. */
export async function join(socket: Socket, roomId: string): Promise<void> {
  const message = { type: "join:room", data: { roomId }, timestamp: new Date().toISOString() };
  const answer = await socket.timeout(PATIENCE).emitWithAck("join:room", message);
  if (answer.ok !== true) throw new Error(`join:room ${roomId}: ${JSON.stringify(answer)}`);
}

/** Resolves with the first event of this name whose data pass `wanted`. */
export function arrival<T>(socket: Socket, event: string, wanted: (data: T) => boolean): Promise<Envelope<T>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no such ${event} arrived`)), PATIENCE);
    const look = (envelope: Envelope<T>) => {
      if (!wanted(envelope.data)) return;
      clearTimeout(timer);
      socket.off(event, look);
      resolve(envelope);
    };
    socket.on(event, look);
  });
}

/** Posts JSON and returns the parsed answer; throws unless it is a success. */
export async function post(url: string, body: unknown, cookie?: string): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(cookie !== undefined && { cookie }) },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
