// Producers of rooms: a log tail, a poll of statistics. Each runs while somebody is in its room, and only then.

import { registry } from "./registry.js";

/** Begins to produce for a room. A function that it returns, or resolves to, ends it. */
export type Produce = (room: string) => unknown;

/** A producer and the rooms that it runs for. @internal */
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

/** Takes in a producer. Returns what removes it, and ends what it runs. */
export function addProducer(rooms: string | RegExp, produce: Produce): () => void {
  const producer: Producer = { rooms, produce, running: new Map() };
  registry.producers.add(producer);
  for (const room of registry.activeRooms) begin(producer, room);
  return () => {
    registry.producers.delete(producer);
    for (const room of [...producer.running.keys()]) end(producer, room);
  };
}

/** A room of namespace `/` has its first member, or none any more. */
export function roomChanged(room: string, active: boolean): void {
  if (active) registry.activeRooms.add(room);
  else registry.activeRooms.delete(room);
  for (const producer of registry.producers) (active ? begin : end)(producer, room);
}

/** The server is closed: nobody is in any room. */
export function endProducers(): void {
  for (const room of [...registry.activeRooms]) roomChanged(room, false);
}
