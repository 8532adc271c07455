// Who is in one room, from what is heard of comings and goings. It knows nothing of sockets and React.

import type { RoomMember } from "../events.js";

/** Somebody in a room: a user, however many tabs are open, or a socket that belongs to nobody known. */
export interface PresenceMember {
  /** A key for React: the same for one user through reconnects. */
  readonly key: string;
  readonly userId: string | null;
  /** Sockets in the room; 1 unless a user has several. */
  readonly connections: number;
}

const keyOf = ({ userId, socketId }: RoomMember) => (userId === null ? `socket:${socketId}` : `user:${userId}`);

export class Members {
  readonly #members = new Map<string, { userId: string | null; sockets: Set<string> }>();
  #count = 0;

  /** Sockets known. */
  get count(): number {
    return this.#count;
  }

  joined(member: RoomMember): void {
    const key = keyOf(member);
    let known = this.#members.get(key);
    if (!known) {
      known = { userId: member.userId, sockets: new Set() };
      this.#members.set(key, known);
    }
    if (known.sockets.has(member.socketId)) return;
    known.sockets.add(member.socketId);
    this.#count++;
  }

  left(member: RoomMember): void {
    const key = keyOf(member);
    const sockets = this.#members.get(key)?.sockets;
    if (!sockets) return;
    // A user's socket that was replaced in a short time is announced by nobody: then one of those known stands for this one.
    const gone = sockets.has(member.socketId) ? member.socketId : sockets.values().next().value;
    sockets.delete(gone as string);
    this.#count--;
    if (sockets.size === 0) this.#members.delete(key);
  }

  /** Everybody is in `list`, and nobody else. */
  replace(list: readonly RoomMember[]): void {
    this.#members.clear();
    this.#count = 0;
    for (const member of list) this.joined(member);
  }

  /** Sockets have new ids after a reconnect; users are who they were. */
  forgetAnonymous(): void {
    for (const [key, { userId, sockets }] of this.#members) {
      if (userId !== null) continue;
      this.#members.delete(key);
      this.#count -= sockets.size;
    }
  }

  read(): readonly PresenceMember[] {
    const list = [...this.#members].map(([key, { userId, sockets }]) =>
      Object.freeze({ key, userId, connections: sockets.size }),
    );
    return Object.freeze(list);
  }
}
