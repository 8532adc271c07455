// The attacks. Each runs until its time is over and says what it has done; what it is refused is its own affair.

import { randomBytes } from "node:crypto";
import { frame, PATH, pause, text } from "./wire.mjs";

const post = (sid, head) => `POST ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`;

/** Writes what `next` gives to so many WebSockets, opening new ones in place of those that are closed. */
async function flood(attacker, count, next) {
  let sent = 0;
  let closed = 0;
  await attacker.each(count, async () => {
    const socket = await attacker.webSocket();
    if (!socket) return pause(50);
    while (!attacker.over && (await attacker.write(socket, next()))) {
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    closed++;
    socket.destroy();
  });
  return { sent, closed };
}

const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
const HOSTILE = [
  `42["x",${deep}]`,
  '42["__proto__",{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}]',
  `42["x",1e400,-1e-400,${"9".repeat(1000)}]`,
  '42["x","\\ud800\\udfff\\u0000"]',
  `42["x",{${Array.from({ length: 2000 }, (_, i) => `"a":${i}`)}}]`,
  `42["join:room",{"roomId":${deep}}]`,
  `40/${"n".repeat(5000)},{}`,
  '42999999999999999999999["x"]',
  '42["connect"]',
  "42{}",
  '42["x",',
];

export const ATTACKS = {
  "slow request heads": {
    addresses: 4,
    async run(attacker) {
      const most = await attacker.keep(
        1000,
        () => attacker.tcp(),
        (socket) => socket.write("X"),
      );
      return `${most} connections, a byte each 100 ms`;
    },
  },
  "slow request bodies": {
    addresses: 4,
    async run(attacker) {
      const most = await attacker.keep(
        200,
        async () => {
          const sid = await attacker.session();
          const socket = sid && (await attacker.tcp());
          if (socket) socket.write(post(sid, "Content-Length: 60000"));
          return socket;
        },
        (socket) => socket.write("4"),
      );
      return `${most} POSTs, a byte each 100 ms`;
    },
  },
  "slow WebSocket frames": {
    addresses: 4,
    async run(attacker) {
      const most = await attacker.keep(
        200,
        async () => {
          const socket = await attacker.webSocket();
          socket?.write(frame(1, Buffer.from("42"), { length: 60_000 }));
          return socket;
        },
        (socket) => socket.write("x"),
      );
      return `${most} frames of 60 kB, a byte each 100 ms`;
    },
  },
  "half-open connections": {
    addresses: 20,
    // On a shared port it is Node that accepts and closes them.
    isNodes: true,
    async run(attacker) {
      const most = await attacker.keep(
        attacker.halfOpen,
        () => attacker.tcp(),
        () => {},
      );
      return `${most} that say nothing, from 20 addresses`;
    },
  },
  handshakes: {
    addresses: 4,
    async run(attacker) {
      let asked = 0;
      const heads = ["polling", "websocket"].map(
        (transport) =>
          `GET ${PATH}?EIO=4&transport=${transport} HTTP/1.1\r\nHost: a\r\n${transport === "polling" ? "" : "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"}\r\n`,
      );
      await attacker.each(50, async () => {
        const socket = await attacker.tcp();
        if (!socket) return pause(20);
        socket.write(heads[asked++ % 2]);
        await attacker.answer(socket);
        socket.destroy();
      });
      return `${asked} requests, both transports`;
    },
  },
  "oversize messages": {
    addresses: 4,
    async run(attacker) {
      const chunk = Buffer.alloc(65_536, "x");
      let turn = 0;
      const { sent, closed } = await flood(attacker, 20, () =>
        turn++ % 2 ? Buffer.concat([frame(1, Buffer.alloc(0), { length: 2 ** 40 }), chunk]) : text(`42["${chunk}"]`),
      );
      return `${sent} messages beyond 64 KiB, ${closed} connections closed for it`;
    },
  },
  "messages without end": {
    addresses: 4,
    async run(attacker) {
      const piece = frame(0, Buffer.alloc(1000, "x"), { fin: false });
      const body = `3e8\r\n${"x".repeat(1000)}\r\n`;
      let posts = 0;
      const [{ sent }] = await Promise.all([
        flood(attacker, 10, () => piece),
        attacker.each(10, async () => {
          const sid = await attacker.session();
          const socket = sid && (await attacker.tcp());
          if (!socket) return pause(50);
          posts++;
          socket.resume();
          socket.write(post(sid, "Transfer-Encoding: chunked"));
          while (!attacker.over && (await attacker.write(socket, body)));
          socket.destroy();
        }),
      ]);
      return `${sent} fragments without a last one, ${posts} chunked POSTs without an end`;
    },
  },
  "tiny fragments": {
    addresses: 4,
    async run(attacker) {
      const empty = frame(0, Buffer.from("x"), { fin: false });
      const message = Buffer.concat([
        frame(1, Buffer.from("4"), { fin: false }),
        ...Array(9998).fill(empty),
        frame(0, Buffer.from("x")),
      ]);
      const { sent } = await flood(attacker, 4, () => message);
      return `${sent} messages of 10,000 one-byte fragments`;
    },
  },
  "attachment bombs": {
    addresses: 4,
    async run(attacker) {
      const places = Array.from({ length: 10 }, (_, num) => ({ _placeholder: true, num }));
      const head = text(`4510-${JSON.stringify(["x", ...places])}`);
      const attachment = frame(2, Buffer.alloc(60_000));
      const whole = Buffer.concat([head, ...Array(4).fill(attachment), text("459999999999-[]")]);
      const { sent, closed } = await flood(attacker, 20, () => whole);
      return `${sent} events with 10 attachments of 60 kB, or a billion; ${closed} connections closed for it`;
    },
  },
  packets: {
    addresses: 4,
    async run(attacker) {
      const many = Buffer.concat([
        ...Array(100).fill(text('42["x",{"a":1}]')),
        ...Array(100).fill(text("3")),
        ...Array(100).fill(frame(9, Buffer.from("ping"))),
        ...Array(20).fill(text("40/admin,")),
      ]);
      const { sent, closed } = await flood(attacker, 20, () => many);
      return `${sent * 320} events, pongs, pings and CONNECTs, ${closed} connections closed for it`;
    },
  },
  "room names": {
    addresses: 4,
    async run(attacker) {
      const joins = () =>
        Buffer.concat(
          Array.from({ length: 20 }, () => text(`420["join:room",{"roomId":"${randomBytes(60).toString("hex")}"}]`)),
        );
      const { sent, closed } = await flood(attacker, 20, joins);
      return `${sent * 20} joins of rooms nobody has heard of, ${closed} connections closed for it`;
    },
  },
  "acks that never come": {
    addresses: 4,
    async run(attacker) {
      const asks = Buffer.concat([...Array(20).fill(text('42["ask"]')), text('4277["silent"]')]);
      const { sent } = await flood(attacker, 20, () => asks);
      return `${sent * 20} events that the server answers with a question`;
    },
  },
  "random bytes": {
    addresses: 4,
    async run(attacker) {
      let bytes = 0;
      const noise = () => {
        bytes += 4096;
        return randomBytes(4096);
      };
      await Promise.all([
        flood(attacker, 10, noise),
        attacker.each(10, async () => {
          const socket = await attacker.tcp();
          if (!socket) return pause(20);
          socket.write(noise());
          await attacker.answer(socket);
          socket.destroy();
        }),
      ]);
      return `${Math.round(bytes / 1024)} KiB, as requests and as frames`;
    },
  },
  "hostile JSON": {
    addresses: 4,
    async run(attacker) {
      let turn = 0;
      const { sent, closed } = await flood(attacker, 10, () => text(HOSTILE[turn++ % HOSTILE.length]));
      return `${sent} packets, ${closed} connections closed for it`;
    },
  },
};
