// Producers of rooms: a log tail, a poll of statistics. Each runs while somebody is in its room, and only then.

import { RealtimeError } from "../process/errors.js";
import { registry, warnOnce } from "../process/registry.js";

declare module "../process/registry.js" {
  interface Registry {
    /** What runs while a room has members, by rooms and name. */
    producers: Map<string, Producer>;
  }
}

/** Begins to produce for a room. A function that it returns, or resolves to, ends it. */
export type Produce = (room: string) => unknown;

export interface ProducerOptions {
  /** Tells producers for the same rooms apart. Default: none. */
  name?: string;
}

/** A producer and the rooms that it runs for. */
export interface Producer {
  rooms: string | RegExp;
  produce: Produce;
  running: Map<string, Promise<unknown>>;
}

function wants({ rooms }: Producer, room: string): boolean {
  // Not `test`, which remembers where it was in a pattern with the flag g or y.
  if (typeof rooms !== "string") return room.search(rooms) >= 0;
  return rooms.endsWith("*") ? room.startsWith(rooms.slice(0, -1)) : room === rooms;
}

function begin(producer: Producer, room: string): void {
  if (producer.running.has(room) || !wants(producer, room)) return;
  const started = new Promise<unknown>((resolve) => resolve(producer.produce(room)));
  producer.running.set(room, started);
  started.catch((error) => {
    if (producer.running.get(room) === started) producer.running.delete(room);
    warnOf("start", room, error);
  });
}

function end(producer: Producer, room: string): void {
  const started = producer.running.get(room);
  if (!started) return;
  producer.running.delete(room);
  // Also one that is still beginning: it ends as soon as it has begun.
  started
    .then((stop) => (typeof stop === "function" ? stop() : undefined))
    .catch((error) => warnOf("stop", room, error));
}

function warnOf(step: string, room: string, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.emitWarning(`nself-realtime: the producer of room "${room}" failed to ${step}: ${message}`, {
    type: "RealtimeWarning",
    code: "NSELF_PRODUCER",
  });
}

/**
 * Takes in a producer, in the place of one for the same rooms and of the same name: a module that adds one runs once in
 * each bundle that has it, and again whenever hot reloading loads it. Returns what removes it, and ends what it runs.
 */
export function addProducer(rooms: string | RegExp, produce: Produce, { name = "" }: ProducerOptions = {}): () => void {
  if (typeof produce !== "function") wrong("the producer", "a function");
  if (typeof name !== "string") wrong('"name"', "a string");
  const key = `${keyOf(rooms)} ${name}`;
  const producer: Producer = { rooms, produce, running: new Map() };
  const before = registry.producers.get(key);
  registry.producers.set(key, producer);
  if (before) {
    // Hot reloading brings another source; elsewhere these are two.
    if (process.env.NODE_ENV !== "development" && String(before.produce) !== String(produce)) {
      warnOnce(
        "NSELF_PRODUCER_REPLACED",
        `whileWatched: a second producer for ${String(rooms)} took the place of the first. If both should run, give ` +
          'each a name: whileWatched(rooms, produce, { name: "…" }). This is said once.',
      );
    }
    endAll(before);
  }
  for (const room of registry.activeRooms) begin(producer, room);
  return () => {
    if (registry.producers.get(key) === producer) registry.producers.delete(key);
    endAll(producer);
  };
}

/** A regular expression is not the text that it is written as. */
function keyOf(rooms: unknown): string {
  if (typeof rooms === "string" && rooms !== "") return `= ${rooms}`;
  if (rooms instanceof RegExp) return `~ ${rooms}`;
  return wrong("the rooms", "a name, a prefix that ends in *, or a regular expression");
}

function wrong(what: string, expected: string): never {
  throw new RealtimeError("ERR_INVALID_ARGUMENT", `whileWatched: ${what} must be ${expected}`);
}

function endAll(producer: Producer): void {
  for (const room of [...producer.running.keys()]) end(producer, room);
}

/** A room of namespace `/` has its first member, or none any more. */
export function roomChanged(room: string, active: boolean): void {
  if (active) registry.activeRooms.add(room);
  else registry.activeRooms.delete(room);
  for (const producer of registry.producers.values()) (active ? begin : end)(producer, room);
}

/** The server is closed: nobody is in any room. */
export function endProducers(): void {
  for (const room of [...registry.activeRooms]) roomChanged(room, false);
}
