// A client that means harm, and one that does not: what each may see of the other.
import { expect, vi } from "vitest";
import { CLOSE, PollingSession, SEPARATOR, WebSocketSession } from "./raw.js";

/** A client that has joined, and means harm. */
export interface Attacker {
  /** Sends packets in order. */
  send(...packets: Array<string | Buffer>): Promise<void>;
  /** The server has ended this connection, and has said nothing else before. */
  isClosed(): Promise<void>;
  /** The connection goes on. */
  isServed(): Promise<void>;
}

/** By the name of the transport. */
export const ATTACKERS: Record<string, (port: number) => Promise<Attacker>> = {
  websocket: async (port) => {
    const session = await joined(port);
    return {
      send: async (...packets) => {
        for (const packet of packets) session.send(packet);
      },
      isClosed: async () => {
        const { frames } = await session.ws.rest();
        expect(frames.filter((frame) => frame.opcode !== CLOSE)).toEqual([]);
      },
      isServed: () => serves(port, session),
    };
  },
  polling: async (port) => {
    const session = await joinedPolling(port);
    return {
      send: async (...packets) => {
        const encoded = packets.map((packet) =>
          typeof packet === "string" ? packet : `b${packet.toString("base64")}`,
        );
        await session.tryPost(encoded.join(SEPARATOR));
      },
      isClosed: () => vi.waitFor(async () => expect((await session.get()).status).toBe(400)),
      isServed: async () => {
        await session.post('42["echo","still here"]');
        expect(await session.packets(1)).toEqual(['42["echo","still here"]']);
      },
    };
  },
};

export async function joined(port: number): Promise<WebSocketSession> {
  const session = await WebSocketSession.open(port);
  await session.join();
  return session;
}

export async function joinedPolling(port: number): Promise<PollingSession> {
  const session = await PollingSession.open(port);
  await session.join();
  return session;
}

/** A client that did no harm is still served, and so is a new one. The server has to echo. */
export async function serves(port: number, bystander?: WebSocketSession): Promise<void> {
  for (const session of [bystander ?? (await joined(port)), await joined(port)]) {
    session.send('42["echo","still here"]');
    expect(await session.text()).toBe('42["echo","still here"]');
  }
}
