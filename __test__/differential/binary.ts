// Binary events and acks: attachments, placeholders, and what must not be believed.
import type { Socket } from "socket.io";
import { type CaseOptions, group } from "./case.js";
import { texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("binary");
export const binaryCases = cases;

const p = (num: unknown, more = "") => `{"_placeholder":true,"num":${JSON.stringify(num)}${more}}`;
const one = Buffer.from([1]);
const two = Buffer.from([2, 2]);
const three = Buffer.from([3, 3, 3]);
const ten = Array.from({ length: 10 }, (_, i) => Buffer.from([i]));

const sequences: [string, (string | Buffer)[]][] = [
  ["one attachment", [`451-["echo",${p(0)}]`, one]],
  ["two attachments", [`452-["echo",${p(0)},${p(1)}]`, one, two]],
  ["two attachments, named in the other order", [`452-["echo",${p(1)},${p(0)}]`, one, two]],
  ["ten attachments", [`4510-["echo",${ten.map((_, i) => p(i)).join(",")}]`, ...ten]],
  ["nested placeholders", [`453-["echo",{"a":[${p(0)}],"b":{"c":${p(1)}}},${p(2)}]`, one, two, three]],
  ["an empty attachment", [`451-["echo",${p(0)}]`, Buffer.alloc(0)]],
  ["an attachment as b and base64", [`451-["echo",${p(0)}]`, "bAQID"]],
  ["the same num twice", [`451-["echo",${p(0)},${p(0)}]`, one]],
  ["the same num twice of two", [`452-["echo",${p(0)},${p(0)}]`, one, two]],
  ["attachments that no placeholder names", [`452-["echo",${p(0)}]`, one, two]],
  ["no placeholder at all", ['451-["echo",1]', one]],
  ["no payload", ["451-", one]],
  ["an id", [`451-7["ack",${p(0)}]`, one]],
  ["an id and /custom, which was not joined", [`451-/custom,7["ack",${p(0)}]`, one]],
  ["a leading zero in the count", [`4501-["echo",${p(0)}]`, one]],
  ["num 1 of 1", [`451-["echo",${p(1)}]`, one]],
  ["num -1", [`451-["echo",${p(-1)}]`, one]],
  ["num 1e9", [`451-["echo",${p(1e9)}]`, one]],
  ['num "0"', [`451-["echo",${p("0")}]`, one]],
  ["num null", [`451-["echo",${p(null)}]`, one]],
  ["num true", [`451-["echo",${p(true)}]`, one]],
  ["num [0]", [`451-["echo",${p([0])}]`, one]],
  ["num 0.5", [`451-["echo",${p(0.5)}]`, one]],
  ["num 1e400", ['451-["echo",{"_placeholder":true,"num":1e400}]', one]],
  ["num -0", ['451-["echo",{"_placeholder":true,"num":-0}]', one]],
  ['num "length"', [`451-["echo",${p("length")}]`, one]],
  ['num "__proto__"', [`451-["echo",${p("__proto__")}]`, one]],
  ["num missing", ['451-["echo",{"_placeholder":true}]', one]],
  ["_placeholder false", ['451-["echo",{"_placeholder":false,"num":0}]', one]],
  ["_placeholder 1", ['451-["echo",{"_placeholder":1,"num":0}]', one]],
  ['_placeholder "true"', ['451-["echo",{"_placeholder":"true","num":0}]', one]],
  ["more keys in a placeholder", [`451-["echo",${p(0, ',"x":1')}]`, one]],
  ["num before _placeholder", ['451-["echo",{"num":0,"_placeholder":true}]', one]],
  ["a placeholder as event name", [`451-[${p(0)},1]`, one]],
  ["a reserved event name", [`451-["disconnect",${p(0)}]`, one]],
  ["a numeric event name", [`451-[5,${p(0)}]`, one]],
  ["__proto__ around a placeholder", [`451-["seen",{"__proto__":${p(0)}}]`, one]],
  ["an object in place of an array", [`451-{"0":"echo","1":${p(0)}}`, one]],
  ["a text in the middle", [`452-["echo",${p(0)},${p(1)}]`, one, '42["echo",2]', two]],
  ["a second binary event in the middle", [`452-["echo",${p(0)},${p(1)}]`, one, `451-["echo",${p(0)}]`, two]],
  ["DISCONNECT in the middle", [`451-["echo",${p(0)}]`, "41", one]],
  ["a pong in the middle", [`452-["echo",${p(0)},${p(1)}]`, one, "3", two]],
  ["noop in the middle", [`452-["echo",${p(0)},${p(1)}]`, one, "6", two]],
  ["surplus binary", [`451-["echo",${p(0)}]`, one, two]],
  ["binary first", [one, `451-["echo",${p(0)}]`]],
  ["an ack of nothing", [`461-3[${p(0)}]`, one]],
  ["an ack without id", [`461-[${p(0)}]`, one]],
  ["an ack with a bad num", [`461-3[${p(4)}]`, one]],
  ["two binary events in a row", [`451-["echo",${p(0)}]`, one, `451-["echo",${p(0)}]`, two]],
  ["100 kB", [`451-["seen",${p(0)}]`, Buffer.alloc(100_000, 7)]],
];

for (const [name, parts] of sequences) {
  add(name, async (context) => {
    const session = await context.joinedWebSocket();
    for (const part of parts) session.send(part);
    await webSocketVerdict(context, session);
  });
}

add("attachments belong to their namespace", async (context) => {
  const session = await context.joinedWebSocket();
  await session.join("/custom");
  session.send(`451-/custom,["echo",${p(0)}]`);
  session.send(one);
  context.saw("frames", await texts(session, 2));
  session.send(`451-/custom,9["ack",${p(0)}]`);
  session.send(two);
  context.saw("ack", await texts(session, 2));
});

add("a binary ack to the client", async (context) => {
  const session = await context.joinedWebSocket();
  session.send(`452-12["ack",${p(0)},{"b":${p(1)}}]`);
  session.send(one);
  session.send(two);
  context.saw("frames", await texts(session, 3));
});

add("attachments that never come, then the end", async (context) => {
  const session = await context.joinedWebSocket();
  session.send(`453-["echo",${p(0)},${p(1)},${p(2)}]`);
  session.send(one);
  session.ws.close(1000);
  await context.log.until("disconnect");
});

const sending: CaseOptions = {
  setup: (io) => {
    const b = Buffer.from([0xb, 0]);
    const emits: Record<string, (socket: Socket) => void> = {
      "a buffer": (socket) => socket.emit("out", b),
      "a Uint8Array view": (socket) => socket.emit("out", new Uint8Array([9, 8, 7, 6]).subarray(1, 3)),
      "an ArrayBuffer": (socket) => socket.emit("out", new Uint8Array([1, 2, 3]).buffer),
      "a Uint16Array": (socket) => socket.emit("out", new Uint16Array([1, 2])),
      "a DataView": (socket) => socket.emit("out", new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)),
      "depth first": (socket) =>
        socket.emit("out", { a: [b, { x: Buffer.from([1]) }], b: Buffer.from([2]) }, Buffer.from([3])),
      "the same buffer twice": (socket) => socket.emit("out", b, b),
      "toJSON and dates": (socket) => socket.emit("out", { toJSON: () => ({ b, s: 1 }) }, new Date(0)),
      "undefined and functions": (socket) =>
        socket.emit("out", undefined, { u: undefined, f: () => 1 }, [undefined], null),
      "with undefined and binary": (socket) => socket.emit("out", undefined, b, { u: undefined }),
      "eleven attachments": (socket) =>
        socket.emit(
          "out",
          Array.from({ length: 11 }, (_, i) => Buffer.from([i])),
        ),
      "a placeholder of its own": (socket) => socket.emit("out", { _placeholder: true, num: 5 }),
      "an empty buffer": (socket) => socket.emit("out", Buffer.alloc(0)),
      "to a room": (socket) => io.to(socket.id).emit("out", b, "x", Buffer.from([1])),
      "to all": () => io.emit("out", [b]),
    };
    io.on("connection", (socket) => {
      socket.on("send", (name: string) => emits[name]!(socket));
      socket.on("names", (ack) => ack(Object.keys(emits)));
    });
  },
};

for (const name of [
  "a buffer",
  "a Uint8Array view",
  "an ArrayBuffer",
  "a Uint16Array",
  "a DataView",
  "depth first",
  "the same buffer twice",
  "toJSON and dates",
  "undefined and functions",
  "with undefined and binary",
  "eleven attachments",
  "a placeholder of its own",
  "an empty buffer",
  "to a room",
  "to all",
]) {
  add(`the server sends: ${name}`, sending, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42["send","${name}"]`);
    await webSocketVerdict(context, session);
  });
}
