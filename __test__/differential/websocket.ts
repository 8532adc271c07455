// The WebSocket transport: the handshake, Engine.IO packets in frames, and how the connection ends.
import { CLOSE, encodeFrame, HttpConnection, PING, RawWebSocket, TEXT, text, upgradeHeaders } from "../support/raw.js";
import { type CaseOptions, group, recordUpgrade } from "./case.js";
import { recordRest, texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("websocket");
export const webSocketCases = cases;

const placeholder = '451-["echo",{"_placeholder":true,"num":0}]';

const packets: [string, (string | Buffer)[]][] = [
  ["empty text", [""]],
  ["empty binary that nobody announced", [Buffer.alloc(0)]],
  ["binary that nobody announced", [Buffer.from([4, 2])]],
  ["open", ["0"]],
  ["open with data", ['0{"sid":"x"}']],
  ["ping", ["2"]],
  ["ping with data", ["2probe"]],
  ["a pong that nobody asked for", ["3"]],
  ["pong with data", ["3probe"]],
  ["a message without data", ["4"]],
  ["upgrade", ["5"]],
  ["upgrade with data", ["5x"]],
  ["noop", ["6"]],
  ["noop with data", ["6x"]],
  ["type 7", ["7"]],
  ["a letter", ["x"]],
  ["a space", [" "]],
  ["a character beyond ASCII", ["é"]],
  ["an emoji", ["😀"]],
  ["a byte order mark", ['\ufeff42["echo",1]']],
  ["a separator within a text is plain data", ['42["echo","a\\u001e"]', "\x1e"]],
  ["two packets in one message are not", ['42["echo",1]\x1e42["echo",2]']],
  ["b and base64 for announced binary", [placeholder, "bAQID"]],
  ["b alone for announced binary", [placeholder, "b"]],
  ["b and base64 that nobody announced", ["bAQID"]],
  ["announced binary", [placeholder, Buffer.from([1, 2, 3])]],
  ["announced empty binary", [placeholder, Buffer.alloc(0)]],
  ["a pong while binary is awaited", [placeholder, "3", Buffer.from([1])]],
  ["an event as binary", [Buffer.from('42["echo",1]')]],
];

for (const [name, frames] of packets) {
  add(`a packet from the client: ${name}`, async (context) => {
    const session = await context.joinedWebSocket();
    for (const frame of frames) session.send(frame);
    await webSocketVerdict(context, session);
  });
}

add("a packet from the client: close", async (context) => {
  const session = await context.joinedWebSocket();
  session.send("1");
  await webSocketVerdict(context, session);
});

add("the frames of an echo, text and binary", async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["echo","ä€😀"]');
  session.send('452-["echo",{"a":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1}]]');
  session.send(Buffer.from([0, 255]));
  session.send(Buffer.alloc(0));
  context.saw("frames", await texts(session, 4));
});

add(
  "the length of what goes out",
  {
    setup: (io) => {
      io.on("connection", (socket) => {
        socket.on("sizes", () => {
          for (const size of [125, 126, 127, 65535, 65536, 200_000]) socket.emit("s", "x".repeat(size - 9));
          for (const size of [125, 126, 65535, 65536]) socket.emit("b", Buffer.alloc(size, size));
        });
      });
    },
  },
  async (context) => {
    const session = await context.joinedWebSocket();
    session.send('42["sizes"]');
    for (let i = 0; i < 14; i++) {
      const { opcode, fin, rsv, masked, payload } = await session.ws.next();
      context.saw("frame", [opcode, fin, rsv, masked, payload.length, payload.subarray(0, 4).toString("latin1")]);
    }
  },
);

const handshakes: [string, Record<string, string | undefined>][] = [
  ["lower-case header names and odd case in values", { Upgrade: "WebSocket", Connection: "keep-alive, UPGRADE" }],
  ["a subprotocol", { "Sec-WebSocket-Protocol": "soap, wamp" }],
  ["permessage-deflate is not accepted", { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }],
  ["an unknown extension", { "Sec-WebSocket-Extensions": "x-nothing" }],
  ["a body that is not there", { "Content-Length": "0" }],
];

for (const [name, headers] of handshakes) {
  add(`handshake: ${name}`, async (context) => {
    const done = await context.upgrade({ headers });
    context.saw("answer", recordUpgrade(done));
    const frame = await done.ws!.next();
    context.saw("open", frame.payload.toString());
  });
}

const badHandshakes: [string, Record<string, string | undefined>, string?][] = [
  ["without a key", { "Sec-WebSocket-Key": undefined }],
  ["with a short key", { "Sec-WebSocket-Key": "abc" }],
  ["with a key that is no base64", { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" }],
  ["without a version", { "Sec-WebSocket-Version": undefined }],
  ["with version 12", { "Sec-WebSocket-Version": "12" }],
  ["with another Upgrade", { Upgrade: "h2c" }],
  ["with method POST", {}, "POST"],
];

for (const [name, headers, method] of badHandshakes) {
  add(`a refused handshake: ${name}`, async (context) => {
    const done = await context.upgrade({ headers, ...(method ? { method } : {}) });
    context.saw("status", done.response.status);
    context.saw("ended", await done.connection.closed());
  });
}

for (const [name, query] of [
  ["transport unknown", "EIO=4&transport=foo"],
  ["sid unknown", "EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"],
  ["no query", ""],
] as const) {
  add(`a refused upgrade in full: ${name}`, async (context) => {
    const done = await context.upgradeTo(`/socket.io/?${query}`);
    context.saw("answer", recordUpgrade(done));
    context.saw("ended", await done.connection.closed());
  });
}

add("a bad EIO on a WebSocket", async (context) => {
  const connection = await HttpConnection.open(context.port);
  connection.head("GET", "/socket.io/?EIO=3&transport=websocket", upgradeHeaders());
  const response = await connection.response();
  context.saw("status", response.status);
  context.saw("body", text(response));
  context.saw("ended", await connection.closed());
});

add("a WebSocket with transport=polling", async (context) => {
  const done = await context.upgradeTo("/socket.io/?EIO=4&transport=polling");
  context.saw("answer", recordUpgrade(done));
  const { frames, end } = done.ws ? await done.ws.rest() : { frames: [], end: await done.connection.closed() };
  context.saw("frames", frames.length);
  context.saw("ended", end);
});

add("frames that come with the handshake", async (context) => {
  const connection = await HttpConnection.open(context.port);
  const lines = Object.entries({ Host: "there", ...upgradeHeaders() }).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(
    Buffer.concat([
      Buffer.from(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n${lines.join("")}\r\n`),
      encodeFrame(PING, "early"),
    ]),
  );
  context.saw("status", (await connection.response()).status);
  const ws = new RawWebSocket(connection);
  const seen: string[] = [];
  for (let i = 0; i < 2; i++) {
    const frame = await ws.next();
    seen.push(`${frame.opcode} ${frame.payload.toString()}`);
  }
  context.saw("frames", seen.sort());
});

add("socket.disconnect(true): 41 and an empty close frame", async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["leave server",true]');
  await recordRest(context, session);
  await context.log.until("disconnect");
});

add("socket.disconnect(): 41, and the connection stays", async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["leave server"]');
  context.saw("frames", await texts(session, 1));
  context.saw("joins again", await session.join());
  await webSocketVerdict(context, session);
});

const closes: [string, number | undefined, string][] = [
  ["without a code", undefined, ""],
  ["1000", 1000, ""],
  ["1001 and a reason", 1001, "going"],
  ["3000", 3000, "own"],
  ["4999", 4999, ""],
  ["1005, which is forbidden", 1005, ""],
  ["999, which is forbidden", 999, ""],
  ["5000, which is forbidden", 5000, ""],
];

for (const [name, code, reason] of closes) {
  add(`the client closes: ${name}`, async (context) => {
    const session = await context.joinedWebSocket();
    session.ws.close(code, reason);
    await recordRest(context, session);
    await context.log.until("disconnect");
  });
}

for (const how of ["end", "destroy", "reset"] as const) {
  add(`the client ends the TCP connection: ${how}`, async (context) => {
    const session = await context.joinedWebSocket();
    session.ws.connection[how]();
    await context.log.until("disconnect");
  });

  add(`the client ends the TCP connection within a frame: ${how}`, async (context) => {
    const session = await context.joinedWebSocket();
    session.ws.connection.write(encodeFrame(TEXT, '42["echo",1]').subarray(0, 9));
    session.ws.connection[how]();
    await context.log.until("disconnect");
  });
}

const eventsOnly: CaseOptions = {
  only: (io, log) => {
    io.on("connection", (socket) => {
      socket.onAny((...event) => log.add("event", ...event));
      socket.on("disconnect", () => log.add("disconnect"));
    });
  },
};

add("data behind the client's close frame is not read", eventsOnly, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["before"]');
  await context.log.until("event");
  session.ws.connection.write(
    Buffer.concat([encodeFrame(CLOSE, Buffer.from([3, 232])), encodeFrame(TEXT, '42["behind"]')]),
  );
  await context.log.until("disconnect");
});

const silent: CaseOptions = { options: { pingInterval: 60_000 } };

add("the server closes and the client never answers the close frame", silent, async (context) => {
  const session = await context.joinedWebSocket();
  session.ws.echoClose = false;
  session.send('42["leave server",true]');
  context.saw("frames", await texts(session, 2));
  await context.log.until("disconnect");
  session.ws.connection.end();
  context.saw("ended", await session.ws.connection.closed());
});
