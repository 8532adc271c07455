// Clients of the soak test: each comes, joins and leaves rooms, perhaps does not read for a while, and goes in one of the
// ways in which clients go; then the next one takes its place. argv: port, how many at a time.

import { io } from "socket.io-client";
import { Ledger } from "./ledger.mjs";
import { between, FLOOD, pause, pick, ROOMS } from "./rooms.mjs";

const [port, count] = process.argv.slice(2).map(Number);
const url = `http://127.0.0.1:${port}`;
let stopped = false;
const totals = { lives: 0, lines: 0, missing: 0, broken: [] };

function account(ledger) {
  totals.lives++;
  totals.lines += ledger.lines;
  totals.missing += ledger.missing;
  if (totals.broken.length < 10) totals.broken.push(...ledger.broken);
}

/** A life of the official client. */
async function official() {
  const transports = pick([["websocket"], ["polling"], ["polling", "websocket"]]);
  const auth = { user: `user-${Math.floor(between(0, 50))}` };
  const socket = io(url, { path: "/api/ws", transports, auth, forceNew: true, reconnection: false });
  const ledger = new Ledger();
  socket.onAny((name, envelope) => ledger.take(name, envelope));
  const over = new Promise((resolve) => socket.once("disconnect", resolve).once("connect_error", resolve));
  const life = async () => {
    await new Promise((resolve) => socket.once("connect", resolve));
    const join = (room) =>
      socket.emit("join:room", { roomId: room }, () => ledger.joined(room)).emit("echo", "x".repeat(between(0, 1000)));
    for (let i = between(1, 4); i > 0; i--) join(pick(ROOMS));
    for (let i = between(1, 6); i > 0; i--) {
      await pause(between(0, 1000));
      const room = pick(ROOMS);
      pick([
        () => join(room),
        () => socket.emit("leave:room", { roomId: room }),
        () => socket.emit("heartbeat"),
        () => reload(socket),
      ])();
    }
    const tcp = socket.io.engine.transport.ws?._socket;
    if (tcp && Math.random() < 0.2) {
      // It reads no more, while more comes than the kernel keeps for it.
      join(FLOOD);
      await pause(50);
      tcp.pause();
      await pause(between(500, 3000));
      tcp.resume();
      await pause(between(0, 500));
    }
  };
  await Promise.race([life(), over]);
  const tcp = socket.io.engine?.transport?.ws?._socket;
  pick([
    () => socket.disconnect(),
    () => socket.io.engine.close(),
    () => (tcp ? tcp.destroy() : socket.disconnect()),
    () => (tcp ? tcp.resetAndDestroy() : socket.io.engine.close()),
  ])();
  await over;
  account(ledger);
}

/** A page that reloads: the same user is back at once, in the same rooms. */
function reload(socket) {
  const again = io(url, { path: "/api/ws", transports: ["websocket"], auth: socket.auth, forceNew: true });
  again.emit("join:room", { roomId: pick(ROOMS) }, () => again.disconnect());
}

/** A life of a polling client that asks when it likes, and goes without a word. */
async function poller() {
  const ledger = new Ledger();
  const at = `${url}/api/ws/?EIO=4&transport=polling`;
  const ask = async (target, body) => {
    const response = await fetch(target, body === undefined ? {} : { method: "POST", body });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  };
  try {
    const { sid } = JSON.parse((await ask(at)).slice(1));
    const target = `${at}&sid=${sid}`;
    await ask(target, `40${JSON.stringify({ user: "poller" })}`);
    await ask(target);
    const rooms = [FLOOD, pick(ROOMS)];
    for (const [i, roomId] of rooms.entries()) await ask(target, `42${i}["join:room",${JSON.stringify({ roomId })}]`);
    for (let i = between(2, 6); i > 0; i--) {
      await pause(between(100, 1500));
      for (const packet of (await ask(target)).split("\x1e")) {
        if (packet === "2") await ask(target, "3");
        const ack = /^43(\d)/.exec(packet);
        if (ack) ledger.joined(rooms[ack[1]]);
        if (packet.startsWith("42")) ledger.take(...JSON.parse(packet.slice(2)));
      }
    }
  } catch {
    // It was too slow, or the server knows it no more: that is how some of these end.
  }
  account(ledger);
}

async function lives(index) {
  while (!stopped) await (index % 10 === 0 ? poller() : official());
}

process.on("message", async () => {
  stopped = true;
  await everybody;
  process.send({ totals }, () => process.disconnect());
});
process.on("disconnect", () => process.exit());
const everybody = Promise.all(Array.from({ length: count }, (_, index) => lives(index)));
