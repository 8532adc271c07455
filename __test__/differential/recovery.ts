// Connection state recovery: offsets, the missed events, and when a session cannot be recovered.
import { type CaseOptions, group } from "./case.js";
import { texts } from "./verdict.js";

const { cases, add } = group("recovery");
export const recoveryCases = cases;

const recovering: CaseOptions = {
  options: { connectionStateRecovery: { maxDisconnectionDuration: 5000 } },
  setup: (io, log) => {
    io.on("connection", (socket) => {
      log.add("recovered", socket.recovered, socket.data, socket.rooms.has("x"));
      socket.data.name = "kept";
      socket.join("x");
    });
  },
};

/** An event's packet without its offset, and the offset. */
function split(packet: string): [string, string] {
  const [name, ...rest] = JSON.parse(packet.slice(2)) as string[];
  return [JSON.stringify([name, ...rest.slice(0, -1)]), String(rest.at(-1))];
}

function ids(answer: string): { sid: string; pid: string } {
  return JSON.parse(answer.slice(2));
}

add("40 has a pid, and events have an offset", recovering, async (context) => {
  const session = await context.webSocket();
  const { sid, pid } = ids(await session.join());
  context.saw("sid and pid differ", [sid.length, pid.length, sid !== pid]);
  context.io.emit("one", 1);
  const [event, offset] = split(await session.text());
  context.saw("event", [event, typeof offset, offset.length > 0]);
  context.io.volatile.emit("volatile", 2);
  context.io
    .of("/")
    .sockets.get(sid)!
    .emit("ask", () => undefined);
  context.saw("without offset", await texts(session, 2));
});

add("missed events come before the 40, which repeats the ids", recovering, async (context) => {
  const session = await context.webSocket();
  const { sid, pid } = ids(await session.join());
  context.io.emit("one", 1);
  const [, offset] = split(await session.text());
  session.ws.connection.destroy();
  await context.log.until("disconnect");
  context.io.to("x").emit("missed", 2);
  context.io.to("other").emit("not mine", 3);
  context.io.emit("missed", 4);
  const again = await context.webSocket();
  again.send(`40${JSON.stringify({ pid, offset })}`);
  const lines = [await again.text(), await again.text(), await again.text()];
  context.saw(
    "events",
    lines.slice(0, 2).map((line) => split(line)[0]),
  );
  context.saw("same ids", JSON.stringify(ids(lines[2]!)) === JSON.stringify({ sid, pid }));
});

for (const [name, auth] of [
  ["an unknown pid", { pid: "AAAAAAAAAAAAAAAAAAAA", offset: "x" }],
  ["a pid that is no string", { pid: 7, offset: "x" }],
  ["no offset", { pid: "AAAAAAAAAAAAAAAAAAAA" }],
] as const) {
  add(`${name} gives a new session`, recovering, async (context) => {
    const session = await context.webSocket();
    context.saw("answer", await session.join("/", JSON.stringify(auth)));
    await context.log.until("recovered");
  });
}

for (const how of ["client", "server"] as const) {
  add(`not after a ${how} namespace disconnect`, recovering, async (context) => {
    const session = await context.webSocket();
    const { pid } = ids(await session.join());
    context.io.emit("one", 1);
    const [, offset] = split(await session.text());
    session.send(how === "client" ? "41" : '42["leave server"]');
    await context.log.until("disconnect");
    const again = await context.webSocket();
    const fresh = ids(await again.join("/", JSON.stringify({ pid, offset })));
    context.saw("another pid", fresh.pid !== pid);
    await context.log.until("recovered", 2);
  });
}
