// A broadcast of 20 kB of JSON to many who agreed on permessage-deflate, by us and by socket.io (ws): CPU and bytes.
// `node bench/deflate.mjs [clients] [emits]`; the package must be built.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";

const TARGET = "/socket.io/?EIO=4&transport=websocket";
const END = '42["end"]';
const ROWS = Array.from({ length: 260 }, (_, id) => ({
  id: `${id.toString(36)}-${(id * 7919) % 1000}`,
  service: `service-${id % 7}`,
  state: id % 3 === 0 ? "running" : "stopped",
  cpu: ((id * 31) % 1000) / 10,
}));
const modes = { plain: false, deflate: true };

async function serve(kind, mode, emits) {
  const { Server } = await import(kind === "ours" ? "nself-realtime" : "socket.io");
  const http = createServer();
  const io = new Server(http, { perMessageDeflate: modes[mode], serveClient: false });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  process.send({ port: http.address().port });
  for await (const _ of messages()) {
    const before = process.cpuUsage();
    const began = performance.now();
    for (let i = 0; i < emits; i++) {
      io.emit("rows", i, ROWS);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    io.emit("end");
    await once(process, "message");
    const { user, system } = process.cpuUsage(before);
    process.send({ cpu: user + system, ms: performance.now() - began });
  }
}

async function* messages() {
  for (;;) {
    const [message] = await once(process, "message");
    yield message;
  }
}

/** Clients that read what comes, and do not look at it. */
async function read(port, clients) {
  let [open, done, bytes] = [0, 0, 0];
  const frame = (text) => {
    const data = Buffer.from(text);
    return Buffer.concat([Buffer.from([0x81, 0x80 | data.length, 0, 0, 0, 0]), data]);
  };
  const headers = `Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n`;
  await new Promise((resolve) => {
    for (let i = 0; i < clients; i++) {
      const socket = connect(port, "127.0.0.1", () => socket.write(`GET ${TARGET} HTTP/1.1\r\n${headers}\r\n`));
      let joined = false;
      socket.on("data", (chunk) => {
        if (joined) {
          bytes += chunk.length;
          if (chunk.subarray(-END.length).toString("latin1") === END) {
            done += 1;
            if (done === clients) process.send({ bytes });
          }
          return;
        }
        const text = chunk.toString("latin1");
        if (text.includes('"sid"') && text.includes("upgrades")) socket.write(frame("40"));
        if (text.includes('40{"sid"')) {
          joined = true;
          open += 1;
          if (open === clients) resolve();
        }
      });
    }
  });
  process.send({ ready: true });
  await new Promise(() => {});
}

async function measure(kind, mode, clients, emits) {
  const server = fork(import.meta.filename, ["serve", kind, mode, String(emits)]);
  const [{ port }] = await once(server, "message");
  const reader = fork(import.meta.filename, ["read", String(port), String(clients)]);
  await once(reader, "message");
  server.send("go");
  const [{ bytes }] = await once(reader, "message");
  server.send("done");
  const [{ cpu, ms }] = await once(server, "message");
  server.kill();
  reader.kill();
  const deliveries = clients * emits;
  return {
    server: kind,
    mode,
    "µs CPU a delivery": +(cpu / deliveries).toFixed(2),
    "bytes a delivery": Math.round(bytes / deliveries),
    ms: Math.round(ms),
  };
}

const [role, ...args] = process.argv.slice(2);
if (role === "serve") await serve(args[0], args[1], Number(args[2]));
else if (role === "read") await read(Number(args[0]), Number(args[1]));
else {
  const [clients, emits] = [Number(role ?? 1000), Number(args[0] ?? 50)];
  const rows = [];
  for (const mode of Object.keys(modes))
    for (const kind of ["ours", "socket.io"]) rows.push(await measure(kind, mode, clients, emits));
  console.table(rows);
}
