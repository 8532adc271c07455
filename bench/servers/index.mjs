// The servers that are compared. A new one is a file here and an entry in this list.
import { fileURLToPath } from "node:url";

const binaries = fileURLToPath(new URL("../target/release/", import.meta.url));

function node(file, ...args) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return (joined) => [process.execPath, ["--expose-gc", path, ...args, ...(joined ? ["join"] : [])]];
}

function binary(name) {
  return (joined) => [binaries + name, joined ? ["join"] : []];
}

export const LOADGEN = `${binaries}loadgen`;

/**
 * `command(joined)` is how to start it; `joined`: every client is in the room "bench".
 * `kinds`: ways to emit beside Socket.IO's own. `only`: the groups of measures that make sense for it; all by default.
 * `crate`: the folder of its Rust crate; it has no JavaScript thread then.
 */
export const SERVERS = [
  { name: "ours", label: "nself-realtime listen", command: node("ours.mjs"), ours: true, kinds: ["batch", "typed"] },
  {
    name: "ours-attach",
    label: "nself-realtime attach",
    command: node("ours.mjs", "attach"),
    ours: true,
    kinds: ["batch", "typed"],
    only: ["connect", "memory", "ack"],
  },
  { name: "socket.io", label: "socket.io, ws", command: node("socket.io.mjs") },
  { name: "socket.io-uws", label: "socket.io, uWebSockets.js", command: node("socket.io.mjs", "uws") },
  { name: "uws", label: "uWebSockets.js", command: node("uws.mjs") },
  {
    name: "socketioxide",
    label: "socketioxide",
    command: binary("nself-realtime-socketioxide"),
    crate: "socketioxide",
  },
  { name: "floor", label: "floor", command: binary("floor"), crate: "loadgen", floor: true },
];
