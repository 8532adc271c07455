// The rows of the table: the name of a value, what it is called, its group, and whether more is better.

/** `size`: the amounts of this run. */
export function rows(size) {
  const n = size.clients;
  return [
    ["connects a second", "connections a second", "connect", "more"],
    ["connect", "connect, µs CPU each", "connect"],
    ["memory", `idle memory at ${n}, KiB RSS a connection`, "memory"],
    ["memory, many", `idle memory at ${size.many}, KiB RSS a connection`, "many"],
    ["burst", `burst of 100 to ${n}, µs CPU a delivery`, "burst"],
    ["burst, many", `burst of 20 to ${size.many}, µs CPU a delivery`, "many"],
    ["long burst, many", `burst of 100 to ${size.many}, µs CPU a delivery`, "many"],
    ["batched burst", `batched burst of 100 to ${n}, µs CPU an event`, "batch"],
    ["steady", `steady 20/s to ${n}, µs CPU a delivery`, "steady"],
    ["steady, many", `steady 2/s to ${size.many}, µs CPU a delivery`, "many"],
    ["steady p50", `latency to ${n} at 20/s, p50 ms`, "steady"],
    ["steady p99", `latency to ${n} at 20/s, p99 ms`, "steady"],
    ["burst emit", `JavaScript thread: emit to ${n} in a burst of 100, µs`, "burst"],
    ["burst emit, many", `JavaScript thread: emit to ${size.many} in a burst of 100, µs`, "many"],
    ["lone emit", `JavaScript thread: lone emit to ${n}, µs`, "steady"],
    ["typed burst emit", "JavaScript thread: emitServiceStatus in a burst of 100, µs", "typed"],
    ["typed lone emit", "JavaScript thread: lone emitServiceStatus, µs", "typed"],
    ["small rooms", `small rooms (${n / 10} of 10), µs CPU an emit`, "rooms"],
    ["ack", "ack of join:room, µs CPU", "ack"],
    ["ack p50", "ack of join:room, 100 outstanding, p50 ms", "ack"],
    ["ack in JavaScript", "ack by a JavaScript handler, µs CPU", "ack-js"],
    ["lone p50", "latency of a lone event to 10, p50 ms", "lone"],
    ["lone p99", "latency of a lone event to 10, p99 ms", "lone"],
    ["lone batched p50", "latency of a lone batched event to 10, p50 ms", "lone"],
    ["writes saved", "writes saved, 200 log lines a second to 10, %", "logs", "more"],
  ].map(([name, label, group, better]) => ({ name, label, group, moreIsBetter: better === "more" }));
}
