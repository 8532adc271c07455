// Malformed and unusual Socket.IO packets, one each, on a WebSocket that has joined "/".
import { group } from "./case.js";
import { webSocketVerdict } from "./verdict.js";

const { cases, add } = group("malformed");
export const malformedCases = cases;

const texts = [
  // events
  "42",
  "42[]",
  "42{}",
  '42"a"',
  "42null",
  "42true",
  "421",
  "42[null]",
  "42[true]",
  "42[{}]",
  '42[["a"]]',
  '42[""]',
  "42[0]",
  "42[-1]",
  "42[1.5]",
  '42["a"',
  '42["a"]x',
  '42["a"]]',
  '42["a",]',
  '42[,"a"]',
  '42["a" "b"]',
  "42['a']",
  "42[a]",
  "42undefined",
  "42NaN",
  '42{"0":"a","length":1}',
  ...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map(
    (n) => `42["${n}"]`,
  ),
  ...["error", "message", "Connect", "__proto__", "constructor", "hasOwnProperty", "toString"].map(
    (n) => `42["${n}",1]`,
  ),
  '42["\\u0063onnect"]',
  '42["connect\\u0000"]',
  '421["disconnect"]',
  '42["error"]',
  '421["error",{"message":"x"}]',
  // ids
  '42-1["a"]',
  '42+1["a"]',
  '421.5["a"]',
  '421e5["a"]',
  '420x10["a"]',
  '42٣["a"]',
  '42007["ack",1]',
  '420["ack",1]',
  '429007199254740993["ack",1]',
  // namespaces
  "42/",
  "42/,",
  '42/["a"]',
  '42/,["echo",1]',
  '42/,5["ack",1]',
  '42,["a"]',
  '42//,["a"]',
  '42/custom["a"]',
  // disconnect
  "41[]",
  "41{}",
  "41null",
  "41false",
  "41x",
  '41"x"',
  // acks
  "43",
  "43[]",
  "430[]",
  "431",
  "431[]",
  '431["x",{"a":1}]',
  "431{}",
  '431"x"',
  "431null",
  "431[",
  "43999999999999999999999999[]",
  // connect errors
  "44",
  "44{}",
  '44"x"',
  '44{"message":"x"}',
  "44[]",
  "44null",
  // binary
  "45",
  "45[]",
  '45["a"]',
  '45-["a"]',
  '450-["a"]',
  '45-1-["a"]',
  '451["a"]',
  "451",
  '451.5-["a"]',
  '4511-["a"]',
  '45999999999999999999-["a"]',
  '45x-["a"]',
  '451-["connect",{"_placeholder":true,"num":0}]',
  "451-{}",
  "451-[",
  "451-null",
  '451-/custom,["a"]',
  "46",
  "46[]",
  "460-[]",
  "4611-1[]",
  "461-1{}",
  // types
  "47",
  '47["a"]',
  "48",
  "49",
  "4a",
  "4A",
  "4-1",
  "4+0",
  "4.",
  "4é",
  "4😀",
  '4"x"',
  "4[",
  "4/",
  "4,",
];

for (const text of [...new Set(texts)]) {
  add(text, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(text);
    await webSocketVerdict(context, session);
  });
}

for (const text of ["41", "41/", "41/,", "411"]) {
  add(`${text} leaves the namespace`, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(text);
    await context.log.until("disconnect");
    context.saw("joins again", await session.join());
    await webSocketVerdict(context, session);
  });
}
