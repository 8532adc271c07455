// WebSocket framing: everything RFC 6455 forbids or allows, and the limits.
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  encodeFrame,
  type FrameOptions,
  PING,
  PONG,
  TEXT,
  type WebSocketSession,
} from "../support/raw.js";
import { type CaseOptions, group } from "./case.js";
import { webSocketVerdict } from "./verdict.js";

const { cases, add } = group("frames");
export const frameCases = cases;

type Part = [opcode: number, payload?: string | Buffer, options?: FrameOptions];

const echo = '42["echo",1]';
const open: FrameOptions = { fin: false };
const euro = Buffer.from('42["echo","€"]');

const sequences: [string, Part[]][] = [
  ["unmasked", [[TEXT, echo, { mask: false }]]],
  ["RSV1", [[TEXT, echo, { rsv: 4 }]]],
  ["RSV2", [[TEXT, echo, { rsv: 2 }]]],
  ["RSV3", [[TEXT, echo, { rsv: 1 }]]],
  ["RSV1 on a ping", [[PING, "", { rsv: 4 }]]],
  ["opcode 3", [[3, echo]]],
  ["opcode 7", [[7, echo]]],
  ["opcode 11", [[11]]],
  ["opcode 15", [[15]]],
  ["a continuation of nothing", [[CONTINUATION, echo]]],
  ["a continuation of nothing, not final", [[CONTINUATION, echo, open]]],
  [
    "a new text within a fragmented one",
    [
      [TEXT, "42[", open],
      [TEXT, '"echo",1]'],
    ],
  ],
  [
    "a binary within a fragmented text",
    [
      [TEXT, "42[", open],
      [BINARY, "x"],
    ],
  ],
  [
    "two fragments",
    [
      [TEXT, '42["ec', open],
      [CONTINUATION, 'ho",1]'],
    ],
  ],
  ["a fragment for every byte", [...echo].map((c, i): Part => [i ? CONTINUATION : TEXT, c, { fin: i === 11 }])],
  [
    "empty fragments",
    [
      [TEXT, "", open],
      [CONTINUATION, "", open],
      [CONTINUATION, echo, open],
      [CONTINUATION, ""],
    ],
  ],
  [
    "nothing but empty fragments",
    [
      [TEXT, "", open],
      [CONTINUATION, ""],
    ],
  ],
  [
    "a ping between fragments",
    [
      [TEXT, '42["ec', open],
      [PING, "mid"],
      [CONTINUATION, 'ho",1]'],
    ],
  ],
  [
    "a pong between fragments",
    [
      [TEXT, '42["ec', open],
      [PONG, "mid"],
      [CONTINUATION, 'ho",1]'],
    ],
  ],
  [
    "a close between fragments",
    [
      [TEXT, '42["ec', open],
      [CLOSE, Buffer.from([3, 232])],
    ],
  ],
  [
    "fragmented binary",
    [
      [TEXT, '451-["echo",{"_placeholder":true,"num":0}]'],
      [BINARY, Buffer.from([1, 2]), open],
      [CONTINUATION, Buffer.from([3])],
    ],
  ],
  [
    "a character cut by fragments",
    [
      [TEXT, euro.subarray(0, 12), open],
      [CONTINUATION, euro.subarray(12)],
    ],
  ],
  ["bad UTF-8", [[TEXT, Buffer.concat([Buffer.from('42["echo","'), Buffer.from([0xff]), Buffer.from('"]')])]]],
  ["an overlong character", [[TEXT, Buffer.from([0x34, 0x32, 0xc0, 0xaf])]]],
  ["a surrogate in UTF-8", [[TEXT, Buffer.from([0x34, 0x32, 0xed, 0xa0, 0x80])]]],
  ["beyond U+10FFFF", [[TEXT, Buffer.from([0x34, 0xf4, 0x90, 0x80, 0x80])]]],
  ["a character that never ends", [[TEXT, Buffer.from([0x34, 0xe2, 0x82])]]],
  [
    "bad UTF-8 in a later fragment",
    [
      [TEXT, "42[", open],
      [CONTINUATION, Buffer.from([0xff])],
    ],
  ],
  [
    "bad UTF-8 in a binary message is fine",
    [
      [TEXT, '451-["echo",{"_placeholder":true,"num":0}]'],
      [BINARY, Buffer.from([255])],
    ],
  ],
  ["a ping", [[PING]]],
  ["a ping with a payload", [[PING, "hello"]]],
  ["a ping with 125 bytes", [[PING, "p".repeat(125)]]],
  ["a ping with 126 bytes", [[PING, "p".repeat(126)]]],
  ["a fragmented ping", [[PING, "p", open]]],
  [
    "three pings",
    [
      [PING, "1"],
      [PING, "2"],
      [PING, "3"],
    ],
  ],
  ["a pong that nobody asked for", [[PONG, "x"]]],
  ["a close of 1 byte", [[CLOSE, "x"]]],
  ["a close of 126 bytes", [[CLOSE, "x".repeat(126)]]],
  ["a close with a reason in bad UTF-8", [[CLOSE, Buffer.from([3, 232, 0xff])]]],
  ["a fragmented close", [[CLOSE, Buffer.from([3, 232]), open]]],
  ["a 16-bit length where 7 bits do", [[TEXT, echo, { form: 16 }]]],
  ["a 64-bit length where 7 bits do", [[TEXT, echo, { form: 64 }]]],
];

async function play(session: WebSocketSession, parts: Part[]): Promise<void> {
  session.ws.connection.write(Buffer.concat(parts.map((part) => encodeFrame(...part))));
}

for (const [name, parts] of sequences) {
  add(name, async (context) => {
    const session = await context.joinedWebSocket();
    await play(session, parts);
    await webSocketVerdict(context, session);
  });
}

const small: CaseOptions = { options: { maxHttpBufferSize: 1000 } };
const text = (size: number) => '421["ack","x"]'.padEnd(size);

const limits: [string, Part[]][] = [
  ["text of exactly the limit", [[TEXT, text(1000)]]],
  ["text of one byte more", [[TEXT, text(1001)]]],
  ["binary of one byte more", [[BINARY, text(1001)]]],
  [
    "fragments of exactly the limit",
    [
      [TEXT, text(999), open],
      [CONTINUATION, " "],
    ],
  ],
  [
    "fragments of one byte more",
    [
      [TEXT, text(999), open],
      [CONTINUATION, "  "],
    ],
  ],
  [
    "fragments of far more",
    [
      [TEXT, text(900), open],
      [CONTINUATION, text(900), open],
      [CONTINUATION, "x"],
    ],
  ],
  ["a head that claims more, without the payload", [[TEXT, "", { claim: 1001 }]]],
  ["a head that claims 2^31 bytes", [[TEXT, "", { claim: 2n ** 31n }]]],
  ["a head that claims 2^53 bytes", [[TEXT, "", { claim: 2n ** 53n }]]],
  ["a head that claims 2^63 bytes", [[TEXT, "", { claim: 2n ** 63n }]]],
  ["a head that claims 2^64-1 bytes", [[TEXT, "", { claim: 2n ** 64n - 1n }]]],
  ["many messages below the limit", Array.from({ length: 20 }, (): Part => [TEXT, text(900)])],
];

for (const [name, parts] of limits) {
  add(`maxHttpBufferSize: ${name}`, small, async (context) => {
    const session = await context.joinedWebSocket();
    await play(session, parts);
    await webSocketVerdict(context, session);
  });
}

add("maxHttpBufferSize does not bind what goes out", small, async (context) => {
  const session = await context.joinedWebSocket();
  context.io.emit("big", "x".repeat(5000));
  context.saw("length", (await session.text()).length);
});
