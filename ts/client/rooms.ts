// The rooms that callers want to be in, counted per caller, so that each is joined again after a reconnect.

import { ControlEvent, type RoomAck } from "../events.js";
import type { Failure } from "./failure.js";

interface Room {
  callers: number;
  /** What the server knows of it on this connection. */
  state: "unasked" | "asked" | "joined" | "refused";
  waiting: Array<(ack: RoomAck) => void>;
}

/** What Rooms needs of the connection. */
export interface RoomWire {
  isConnected(): boolean;
  /** Sends one request; `done` gets null when the connection ended before the answer. */
  request(event: string, roomId: string, done: (ack: RoomAck | null) => void): void;
  /** The server refused a room that nobody was waiting for: one that was being joined again. */
  refused(roomId: string, ack: RoomAck & { ok: false }): void;
}

const OK: RoomAck = { ok: true };

export class Rooms {
  readonly #rooms = new Map<string, Room>();

  /** Why the server does not let us connect. */
  #refusal: RoomAck | undefined;

  constructor(private readonly wire: RoomWire) {}

  join(roomId: string): Promise<RoomAck> {
    let room = this.#rooms.get(roomId);
    if (!room) {
      room = { callers: 0, state: "unasked", waiting: [] };
      this.#rooms.set(roomId, room);
    }
    const { state, waiting } = room;
    room.callers++;
    if (state === "joined") return Promise.resolve(OK);
    if (this.#refusal) return Promise.resolve(this.#refusal);
    const answer = new Promise<RoomAck>((resolve) => waiting.push(resolve));
    if (state !== "asked" && this.wire.isConnected()) this.#ask(roomId, room);
    return answer;
  }

  async leave(roomId: string): Promise<RoomAck> {
    const room = this.#rooms.get(roomId);
    if (!room || room.callers === 0) return OK;
    room.callers--;
    // A caller that comes back in the same turn (a React effect run twice) costs no traffic.
    await Promise.resolve();
    if (room.callers > 0 || this.#rooms.get(roomId) !== room) return OK;
    this.#rooms.delete(roomId);
    for (const resolve of room.waiting) {
      resolve({ ok: false, code: "ERR_ROOM_LEFT", error: `Room ${roomId} was left before the server had answered` });
    }
    if (!this.wire.isConnected() || room.state === "refused") return OK;
    return new Promise((resolve) => {
      // A server that lost the connection has forgotten the room too.
      this.wire.request(ControlEvent.LeaveRoom, roomId, (ack) => resolve(ack ?? OK));
    });
  }

  /** The connection was made: joins all rooms. */
  connected(): void {
    this.#refusal = undefined;
    for (const [roomId, room] of this.#rooms) this.#ask(roomId, room);
  }

  /** The connection ended, and the server's memory of the rooms with it. */
  disconnected(): void {
    for (const room of this.#rooms.values()) room.state = "unasked";
  }

  /** The server does not let us connect. Who asks for a room hears that; the rooms stay wanted. */
  refused({ lastError, code = "ERR_REFUSED" }: Failure): void {
    this.#refusal = { ok: false, code, error: lastError };
    for (const room of this.#rooms.values()) {
      for (const resolve of room.waiting.splice(0)) resolve(this.#refusal);
    }
  }

  #ask(roomId: string, room: Room): void {
    room.state = "asked";
    this.wire.request(ControlEvent.JoinRoom, roomId, (ack) => {
      if (ack === null || this.#rooms.get(roomId) !== room) return;
      room.state = ack.ok ? "joined" : "refused";
      const waiting = room.waiting.splice(0);
      for (const resolve of waiting) resolve(ack);
      if (!ack.ok && waiting.length === 0) this.wire.refused(roomId, ack);
    });
  }
}

/** The server's answer. A handler of the application's own may acknowledge with anything: only a clear no is a refusal. */
export function toAck(answer: unknown): RoomAck {
  const { ok, code, error } = (answer ?? {}) as { ok?: unknown; code?: unknown; error?: unknown };
  if (ok !== false) return OK;
  return { ok, code: String(code ?? "ERR_REFUSED"), error: String(error ?? "The server refused") };
}
