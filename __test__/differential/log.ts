// What the handlers on the server saw, in order, as plain data.
import type { Namespace, Server, Socket } from "socket.io";
import { within } from "../support/deadline.js";

export type Entry = unknown[];

/** A list of entries that a test can wait on. */
export class Log {
  readonly entries: Entry[] = [];
  readonly #checks = new Set<() => void>();

  add(...entry: Entry): void {
    this.entries.push(entry.map((value) => describe(value)));
    for (const check of this.#checks) check();
  }

  count(name: string): number {
    return this.entries.filter((entry) => entry[0] === name).length;
  }

  /** Waits until there are `count` entries of that name. */
  until(name: string, count = 1): Promise<void> {
    return this.#reach(`the server's handlers to see ${count} × ${name}`, () => this.count(name) >= count);
  }

  /** Gives the handlers time to see `count` entries in all; that they do not is for the comparison to tell, or a listed difference. */
  async grow(count: number): Promise<void> {
    await this.#reach(`${count} entries`, () => this.entries.length >= count, 10_000).catch(() => undefined);
  }

  async #reach(what: string, reached: () => boolean, ms?: number): Promise<void> {
    if (reached()) return;
    let check = () => {};
    const there = new Promise<void>((resolve) => {
      check = () => reached() && resolve();
      this.#checks.add(check);
    });
    try {
      await within(what, there, ms);
    } finally {
      this.#checks.delete(check);
    }
  }
}

/** A value as JSON can hold it, without losing what makes it odd. */
export function describe(value: unknown, depth = 0): unknown {
  if (value === undefined) return "<undefined>";
  if (typeof value === "function") return "<ack>";
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return Object.is(value, -0) ? "<-0>" : `<${value}>`;
  }
  if (value === null || typeof value !== "object") return value;
  if (Buffer.isBuffer(value)) return `<buffer ${value.toString("hex")}>`;
  if (value instanceof Error) return `<error ${value.message}>`;
  if (depth === 40) return `<nested ${depthOf(value)} deeper>`;
  if (Array.isArray(value)) return value.map((item) => describe(item, depth + 1));
  if (value instanceof Set) return ["<set>", ...[...value].map((item) => describe(item, depth + 1))];
  const proto = Object.getPrototypeOf(value) === Object.prototype ? "" : "<odd prototype> ";
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [`${proto}${key}`, describe(item, depth + 1)]));
}

function depthOf(value: unknown): number {
  let depth = 0;
  for (let at = value; at !== null && typeof at === "object"; at = Object.values(at)[0]) depth++;
  return depth;
}

/** Logs what one socket sees, and answers the events that the cases send. */
export function watchSocket(socket: Socket, log: Log): void {
  log.add("connection", socket.nsp.name);
  socket.onAny((name, ...args) => {
    // A packet without a payload reaches onAny as a call without a name.
    if (name !== "alive" && ["string", "number"].includes(typeof name)) log.add("event", name, ...args);
  });
  socket.on("disconnecting", (reason) => log.add("disconnecting", socket.nsp.name, reason, socket.rooms.size));
  socket.on("disconnect", (reason) => log.add("disconnect", socket.nsp.name, reason, socket.connected));
  socket.on("alive", (ack) => typeof ack === "function" && ack("alive"));
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("ack", (...args) => args.pop()(...args));
  socket.on("leave server", (close) => socket.disconnect(close));
}

/** Watches every socket of a namespace. */
export function watchNamespace(namespace: Server | Namespace, log: Log): void {
  namespace.on("connection", (socket) => watchSocket(socket, log));
}

/** The handlers that every case starts from: "/" and "/custom". */
export function standardSetup(io: Server, log: Log): void {
  watchNamespace(io, log);
  watchNamespace(io.of("/custom"), log);
}
