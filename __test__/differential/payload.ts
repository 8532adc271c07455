// Polling payloads of every kind: one POST each, and what became of the session.
import { group } from "./case.js";
import { payloadVerdict } from "./verdict.js";

const { cases, add } = group("payload");
export const payloadCases = cases;

const s = "\x1e";
const echo = '42["echo",1]';
const placeholder = '451-["echo",{"_placeholder":true,"num":0}]';

const payloads: [string, string | Buffer][] = [
  ["empty", ""],
  ["a separator alone", s],
  ["separators alone", s + s],
  ["a separator in front", s + echo],
  ["a separator behind", echo + s],
  ["two separators between", echo + s + s + echo],
  ["an unknown type behind a good packet", `${echo + s}9x${s}${echo}`],
  ["type 7", "7"],
  ["a letter", "a"],
  ["an upper-case B", "BAQID"],
  ["a space", " "],
  ["a space in front", ` ${echo}`],
  ["a line feed behind", `${echo}\n`],
  ["a byte order mark in front", `\ufeff${echo}`],
  ["NUL", "\0"],
  ["only the type of a message", "4"],
  ["an open packet from the client", "0"],
  ["an open packet with data", '0{"sid":"x"}'],
  ["a ping from the client", "2"],
  ["a ping with data", "2probe"],
  ["a pong that nobody asked for", "3"],
  ["a pong with data", "3anything"],
  ["an upgrade packet on polling", "5"],
  ["noop", "6"],
  ["noop with data", "6abc"],
  ["close with data", "1abc"],
  ["packets behind close", `1${s}${echo}`],
  ["close behind packets", `${echo + s}1`],
  ["binary that nobody announced", "bAQID"],
  ["empty binary that nobody announced", "b"],
  ["announced binary", `${placeholder + s}bAQID`],
  ["announced empty binary", `${placeholder + s}b`],
  ["base64 without padding", `${placeholder + s}bAQ`],
  ["base64 with too much padding", `${placeholder + s}bAQ====`],
  ["URL-safe base64", `${placeholder + s}b-_-_`],
  ["standard base64 of the same bytes", `${placeholder + s}b+/+/`],
  ["base64 with foreign characters", `${placeholder + s}bA!Q I\nD*`],
  ["base64 that goes on after its padding", `${placeholder + s}bAQ==AQID`],
  ["base64 of a single character", `${placeholder + s}bA`],
  ["base64 beyond ASCII", `${placeholder + s}bAQIDé`],
  ["binary in place of text", `b${Buffer.from(echo).toString("base64")}`],
  ["text while binary is awaited", `${placeholder + s}${echo}`],
  ["a pong while binary is awaited", `${placeholder + s}3${s}bAQID`],
  ["noop while binary is awaited", `${placeholder + s}6${s}bAQID`],
  ["surplus binary", `${placeholder + s}bAQID${s}bAQID`],
  [
    "bad UTF-8 within a string",
    Buffer.concat([Buffer.from('42["echo","a'), Buffer.from([0xff, 0xc3]), Buffer.from('"]')]),
  ],
  ["a truncated character at the end", Buffer.concat([Buffer.from(echo), Buffer.from([0xe2, 0x82])])],
  ["bad UTF-8 as the type", Buffer.from([0xff])],
  ["an overlong separator", Buffer.concat([Buffer.from(echo), Buffer.from([0xc0, 0x9e]), Buffer.from(echo)])],
  ["a raw surrogate", Buffer.concat([Buffer.from('42["echo","'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"]')])],
  ["a hundred packets", Array.from({ length: 100 }, (_, i) => `42["echo",${i}]`).join(s)],
  ["a bad Socket.IO packet behind a good one", `${echo + s}42{}${s}${echo}`],
  ["CONNECT to another namespace", "40/custom,"],
];

for (const [name, body] of payloads) {
  add(name, async (context) => {
    await payloadVerdict(context, await context.joinedPolling(), body);
  });
}

add("nothing but the payload of a fresh session that joined nothing: an event", async (context) => {
  const session = await context.polling();
  await payloadVerdict(context, session, echo);
});

add("an empty payload on a session that joined nothing", async (context) => {
  const session = await context.polling();
  await payloadVerdict(context, session, "");
});
