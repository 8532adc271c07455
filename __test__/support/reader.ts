// A raw client of the nself layer, over either transport, that reads when it is told to and not before.
import { PollingSession, packet, split, text, WebSocketSession } from "./raw.js";

/** An event as it came: its name and its first argument. */
// biome-ignore lint/suspicious/noExplicitAny: a test knows what it was sent
export type Received = [name: string, argument: any];

export const TRANSPORTS = ["polling", "websocket"] as const;

export interface ReaderOptions {
  path?: string;
  /** Rooms to join, as clients of the nself layer do. */
  rooms?: string[];
  /** What it says when it joins the namespace. */
  auth?: object;
}

/** Where packets come from and go to. */
interface Wire {
  /** The packets that have come, at least one. Rejects when the server has ended the session. */
  read(): Promise<string[]>;
  send(packet: string): Promise<void>;
  pause(): void;
  resume(): void;
  /** Is gone without a word. */
  cut(): Promise<void>;
}

async function pollingWire(port: number, path: string): Promise<Wire> {
  const session = await PollingSession.open(port, { path });
  return {
    async read() {
      const response = await session.get();
      // After a shutdown it is the application that answers.
      if (response.status !== 200 || !/^\d/.test(text(response))) throw new Error(`GET answered ${text(response)}`);
      return split(response);
    },
    async send(one) {
      await session.post(one);
    },
    // It reads by asking.
    pause: () => {},
    resume: () => {},
    async cut() {
      const { connection } = await session.startGet();
      connection.destroy();
    },
  };
}

async function webSocketWire(port: number, path: string): Promise<Wire> {
  const session = await WebSocketSession.open(port, { path });
  const { socket } = session.ws.connection;
  return {
    read: async () => [await session.text()],
    send: async (one) => session.send(one),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    cut: async () => void socket.resetAndDestroy(),
  };
}

/** A client that reads only in `next` and `until`, once it is paused. It answers pings while it reads. */
export class Reader {
  readonly #wire: Wire;
  readonly #packets: string[] = [];
  /** Of its socket. */
  id = "";

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Connects, joins, and reads all that comes of that. */
  static async open(
    transport: (typeof TRANSPORTS)[number],
    port: number,
    { path = "/api/ws/", rooms = [], auth }: ReaderOptions = {},
  ): Promise<Reader> {
    const reader = new Reader(await (transport === "polling" ? pollingWire : webSocketWire)(port, path));
    await reader.send(packet("0", "/", auth ? JSON.stringify(auth) : ""));
    let answer = await reader.next();
    while (answer === "2") answer = await reader.next();
    if (!answer.startsWith("40{")) throw new Error(`not let in: ${answer}`);
    reader.id = JSON.parse(answer.slice(2)).sid;
    for (const [i, roomId] of rooms.entries()) {
      await reader.send(`42${i}${JSON.stringify(["join:room", { roomId }])}`);
      while ((await reader.next()) !== `43${i}[{"ok":true}]`);
    }
    if (rooms.length > 0) {
      await reader.send('42["heartbeat"]');
      await reader.until("pong");
    }
    return reader;
  }

  /** Reads no more; what comes stays with the server, or in the kernel. */
  pause(): this {
    this.#wire.pause();
    return this;
  }

  /** Reads again. */
  resume(): this {
    this.#wire.resume();
    return this;
  }

  /** Sends a packet. */
  send(one: string): Promise<void> {
    return this.#wire.send(one);
  }

  /** Is gone without a word; a polling client while it asks (its server needs `watchArrivals`). */
  cut(): Promise<void> {
    return this.#wire.cut();
  }

  /** The next packet, pings included. */
  async next(): Promise<string> {
    while (this.#packets.length === 0) this.#packets.push(...(await this.#wire.read()));
    const one = this.#packets.shift()!;
    if (one === "2") await this.send("3");
    return one;
  }

  /** Reads again: the events up to the first of this name, which is left out. */
  async until(name: string): Promise<Received[]> {
    this.resume();
    const events: Received[] = [];
    for (;;) {
      const one = await this.next();
      if (!one.startsWith("42")) continue;
      const [type, argument] = JSON.parse(one.slice(2)) as Received;
      if (type === name) return events;
      events.push([type, argument]);
    }
  }

  /** Reads again, until the server ends the session. Gives the packets. */
  async rest(): Promise<string[]> {
    this.resume();
    const packets: string[] = [];
    try {
      for (;;) packets.push(await this.next());
    } catch {
      return packets;
    }
  }
}
