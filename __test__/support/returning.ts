// Stock clients that are cut off, and come back when a test says so.
import type { Socket } from "socket.io-client";
import { vi } from "vitest";
import { within } from "./deadline.js";
import { type Attached, event } from "./nself.js";

/** The client's connection ends without a word of Socket.IO; the server has noticed when this is over. */
export async function cut({ server }: Attached, socket: Socket): Promise<void> {
  const before = server.stats().sockets;
  const gone = event(socket, "disconnect");
  socket.io.engine.close();
  await gone;
  await vi.waitFor(() => {
    if (server.stats().sockets >= before) throw new Error("the server has not noticed");
  });
}

/**
 * The client comes back by itself, with what it knows of its session; and, if given, with other words of who it is. Like every
 * client it tries again when the server breaks off.
 */
export async function back(socket: Socket, auth?: object): Promise<void> {
  if (auth) socket.auth = auth as Record<string, unknown>;
  const again = () => void socket.connect();
  socket.on("disconnect", again);
  const connected = new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.connect();
  await within("the client to come back", connected).finally(() => socket.off("disconnect", again));
}
