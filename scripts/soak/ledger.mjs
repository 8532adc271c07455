// Checks, for one client, that a room's log lines come without a hole: each is the next one, or a gap event has said how
// many are missing.

export class Ledger {
  #next = new Map();
  /** What was wrong, in words. */
  broken = [];
  /** Lines that came, and lines that gap events told of. */
  lines = 0;
  missing = 0;

  /** A room was joined (again): its lines count from the next one on. */
  joined(room) {
    this.#next.delete(room);
  }

  /** Takes in an event of the server. */
  take(name, envelope) {
    if (name === "logs:stream") this.#line(envelope.room, Number.parseInt(envelope.data.line, 10));
    else if (name === "gap" && envelope.data.event === "logs:stream") this.#gap(envelope.room, envelope.data.count);
  }

  #line(room, n) {
    const expected = this.#next.get(room);
    if (expected !== undefined && n !== expected) this.broken.push(`${room}: line ${n} instead of ${expected}`);
    this.#next.set(room, n + 1);
    this.lines++;
  }

  #gap(room, count) {
    const expected = this.#next.get(room);
    if (expected !== undefined) this.#next.set(room, expected + count);
    this.missing += count;
  }
}
