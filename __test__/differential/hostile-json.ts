// JSON that V8 takes and others do not, and the other way round: what an echo gives back.
import { type CaseOptions, group } from "./case.js";
import { webSocketVerdict } from "./verdict.js";

const { cases, add } = group("hostile json");
export const hostileJsonCases = cases;

const nested = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);

const values: [string, string][] = [
  ["a lone high surrogate", '"\\ud800"'],
  ["a lone low surrogate", '"\\udfff"'],
  ["surrogates in the wrong order", '"\\udc00\\ud800"'],
  ["a pair as escapes", '"\\ud83d\\ude00"'],
  ["a lone surrogate as a key", '{"\\ud800":1}'],
  ["1e400", "1e400"],
  ["-1e400", "[-1e400]"],
  ["1e-400", "1e-400"],
  ["minus zero", "-0"],
  ["minus zero as a float", "-0.0"],
  ["a number past 2^53", "9007199254740993"],
  ["a very long number", "1".repeat(400)],
  ["a very long fraction", `0.${"1".repeat(400)}`],
  ["odd exponents", "[1E5,1e+5,1e-5,1.0e0]"],
  ["arrays 300 deep", nested(300, "[", "]")],
  ["duplicate keys", '{"a":1,"b":2,"a":3}'],
  ["__proto__ as a key", '{"__proto__":{"polluted":true},"a":1}'],
  ["constructor and prototype", '{"constructor":{"prototype":{"polluted":true}}}'],
  ["numeric keys change their order", '{"b":1,"2":2,"1":3,"a":4}'],
  ["an empty key", '{"":1}'],
  ["toJSON as a key", '{"toJSON":1,"toString":2}'],
  ["every escape", '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u2028\\u2029"'],
  ["U+2028 and U+2029 as they are", '"\u2028\u2029"'],
  ["DEL as it is", '"\x7f"'],
  ["the separator as it is", '"\x1e"'],
  ["NUL as it is", '"\0"'],
  ["a line feed as it is", '"a\nb"'],
  ["a tab as it is", '"a\tb"'],
  ["a bad escape", '"\\x41"'],
  ["a short unicode escape", '"\\u12"'],
  ["white space between", ' \t\n\r1 , {"a" :  [ ] } '],
  ["a no-break space between", "\u00a01"],
  ["a vertical tab between", "\v1"],
  ["a byte order mark between", "\ufeff1"],
  ["a byte order mark in a string", '"\ufeffa"'],
  ["noncharacters", '"\uffff\ufffe\u{10ffff}"'],
  ["a combining sequence stays as it is", '"e\u0301"'],
  ["leading zeros", "01"],
  ["a plus sign", "+1"],
  ["a point without digits", "1."],
  ["a point in front", ".5"],
  ["hexadecimal", "0x10"],
  ["NaN", "NaN"],
  ["Infinity", "Infinity"],
  ["undefined", "undefined"],
  ["a trailing comma", "1,"],
  ["a comment", "1/*x*/"],
  ["a regular expression", "/x/"],
  ["a string 100 kB long", `"${"x".repeat(100_000)}"`],
  ["ten thousand items", `[${Array(10_000).fill(1).join(",")}]`],
  ["a placeholder in a plain event", '{"_placeholder":true,"num":0}'],
  ["a placeholder with more in a plain event", '{"_placeholder":true,"num":"x","a":{"_placeholder":false}}'],
];

for (const [name, value] of values) {
  add(name, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42["echo",${value}]`);
    await webSocketVerdict(context, session);
    context.saw("nothing is polluted", ({} as Record<string, unknown>).polluted === undefined);
  });
}

// JSON.stringify runs out of stack on these: they are looked at, not echoed.
const deep: [string, string][] = [
  ["arrays 5000 deep", nested(5000, "[", "]")],
  ["objects 5000 deep", `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`],
  ["arrays 100000 deep", nested(100_000, "[", "]")],
];

for (const [name, value] of deep) {
  add(name, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42["seen",${value}]`);
    await webSocketVerdict(context, session);
  });
}

const whole: [string, string][] = [
  ["white space behind the array", '42["echo",1] \n\t'],
  ["a byte order mark behind the array", '42["echo",1]\ufeff'],
  ["NUL behind the array", '42["echo",1]\0'],
  ["a second array behind the first", '42["echo",1]["echo",2]'],
  ["white space inside", '42[ "echo" , 1 ]'],
  ["an escaped event name", '42["\\u0065cho",1]'],
  ["an event name beyond ASCII", '42["ñ😀\u2028",1]'],
  ["an event name with a lone surrogate", '42["\\ud800x",1]'],
  ["an event name of 10 kB", `42["${"e".repeat(10_000)}"]`],
  ["a numeric event name", '42[7,"x"]'],
  ["a negative numeric event name", '42[-7,"x"]'],
  ["a fractional event name", '42[0.5,"x"]'],
  ["an infinite event name", '42[1e400,"x"]'],
  ["minus zero as event name", '42[-0,"x"]'],
  ["a huge numeric event name", '42[123456789012345678901234567890,"x"]'],
];

for (const [name, packet] of whole) {
  add(name, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(packet);
    await webSocketVerdict(context, session);
  });
}

const answering: CaseOptions = {
  only: (io, log) => {
    io.on("connection", (socket) => {
      socket.onAny((name, ...args) => {
        const ack = args.pop();
        log.add("event", name, ...args);
        if (typeof ack === "function") ack(typeof name, String(name));
      });
      for (const name of ["7", "0.5", "ñ"]) socket.on(name, (value) => log.add("on", name, value));
    });
  },
};

for (const packet of ['421[7,"x"]', '422[0.5,"x"]', '423["ñ","x"]', '424["7","x"]', '425["\\u00f1","x"]']) {
  add(`a handler for the event name in ${packet}`, answering, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(packet);
    context.saw("answer", await session.text());
    await context.log.until("on");
  });
}

for (const id of ["0", "00", "9007199254740991", "9007199254740993", "100000000000000000000", "18446744073709551616"]) {
  add(`the ack id ${id}`, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42${id}["ack","x"]`);
    await webSocketVerdict(context, session);
  });
}
