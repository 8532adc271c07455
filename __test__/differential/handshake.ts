// The open packet, the cookie, and what a handler learns of the handshake.
import { HttpConnection, text } from "../support/raw.js";
import { type CaseOptions, group, record, recordUpgrade } from "./case.js";

const { cases, add } = group("handshake");
export const handshakeCases = cases;

const shapes: [string, CaseOptions][] = [
  ["the defaults", {}],
  ["other timings and sizes", { options: { pingInterval: 1234, pingTimeout: 567, maxHttpBufferSize: 98765 } }],
  ["allowUpgrades: false", { options: { allowUpgrades: false } }],
  ["upgradeTimeout and connectTimeout are not told", { options: { upgradeTimeout: 77, connectTimeout: 7777 } }],
  ["recovery adds nothing to it", { options: { connectionStateRecovery: {} } }],
];

for (const [name, options] of shapes) {
  add(`polling: ${name}`, options, async (context) => {
    const session = await context.polling();
    context.saw("handshake", record(session.response));
  });
  add(`websocket: ${name}`, options, async (context) => {
    const session = await context.webSocket();
    context.saw("upgrade", recordUpgrade(session.handshake));
    context.saw("open", JSON.stringify(session.open));
  });
}

add("transports: polling only", { options: { transports: ["polling"] } }, async (context) => {
  context.saw("polling", record((await context.polling()).response));
  const upgrade = await context.upgrade();
  context.saw("upgrade", [upgrade.response.status, /Transport unknown/.test(upgrade.response.body.toString())]);
  const plain = await context.http("GET", "/socket.io/?EIO=4&transport=websocket");
  context.saw("plain GET", [plain.status, text(plain)]);
});

add("transports: websocket only", { options: { transports: ["websocket"] } }, async (context) => {
  context.saw("polling", record(await context.http("GET", "/socket.io/?EIO=4&transport=polling")));
  context.saw("websocket", JSON.stringify((await context.webSocket()).open));
});

add("session ids are long and never alike", async (context) => {
  const sids = new Set<string>();
  for (let i = 0; i < 20; i++) sids.add((await context.polling()).sid);
  for (let i = 0; i < 20; i++) sids.add((await context.webSocket()).open!.sid);
  context.saw("different", sids.size);
  context.saw(
    "shape",
    [...sids].every((sid) => /^[\w-]{20}$/.test(sid)),
  );
  const session = await context.polling();
  context.saw("the socket's id is another", !(await session.join()).includes(session.sid));
});

const cookies: [string, NonNullable<CaseOptions["options"]>["cookie"]][] = [
  ["true", true],
  ["false", false],
  ["a name", { name: "session" }],
  ["all attributes", { name: "io", path: "/x", httpOnly: false, sameSite: "strict", maxAge: 3600, secure: true }],
  ["domain and expiry", { name: "io", domain: "example.com", expires: new Date(Date.UTC(2040, 0, 2)) }],
  ["sameSite none", { name: "io", sameSite: "none", secure: true }],
];

for (const [name, cookie] of cookies) {
  add(`cookie: ${name}`, { options: { cookie: cookie! } }, async (context) => {
    const session = await context.polling();
    const { headers } = record(session.response) as { headers: Record<string, string> };
    context.saw("set-cookie", (headers["set-cookie"] ?? "none").replace(session.sid, "<sid>"));
    context.saw("POST", record(await session.post("40")));
    context.saw("GET", record(await session.get()));
    context.saw("upgrade", recordUpgrade(await context.upgrade()));
  });
}

const about: CaseOptions = {
  only: (io, log) => {
    io.on("connection", (socket) => {
      const { headers, time, address, xdomain, secure, issued, url, query, auth } = socket.handshake;
      const { connection: _connection, ...rest } = headers;
      log.add("keys", Object.keys(socket.handshake).sort());
      log.add("handshake", { headers: rest, address, xdomain, secure, url, query: { ...query }, auth });
      log.add("time", typeof time, Number.isNaN(Date.parse(time)), Math.abs(issued - Date.now()) < 10_000);
    });
  },
};

add("what a handler learns over polling", about, async (context) => {
  const headers = {
    "X-Custom": "One",
    "user-agent": "raw",
    Cookie: "a=1; b=2",
    Origin: `http://127.0.0.1:${context.port}`,
  };
  const session = await context.polling({ query: "&token=abc&token=def&empty=&f%C3%A4rbe=rot%20blau+x", headers });
  await session.join("/", '{"user":"anna","n":[1,null]}');
  await context.log.until("time");
});

add("what a handler learns over WebSocket", about, async (context) => {
  const session = await context.webSocket({ query: "&token=abc" });
  context.saw("join", await session.join());
  await context.log.until("time");
  for (const entry of context.log.entries) {
    const { headers } = (entry[1] ?? {}) as { headers?: Record<string, string> };
    if (headers) headers["sec-websocket-key"] = typeof headers["sec-websocket-key"];
  }
});

add("repeated request headers, as a handler sees them", about, async (context) => {
  const connection = await HttpConnection.open(context.port);
  connection.write(
    [
      "GET /socket.io/?EIO=4&transport=polling HTTP/1.1",
      "Host: there",
      "X-Twice: one",
      "x-twice: two",
      "Cookie: a=1",
      "Cookie: b=2",
      "User-Agent: first",
      "User-Agent: second",
      "X-Latin: caf\xe9",
      "",
      "",
    ].join("\r\n"),
  );
  const sid = /"sid":"([^"]+)"/.exec(text(await connection.response()))![1]!;
  await context.http("POST", `/socket.io/?EIO=4&transport=polling&sid=${sid}`, { body: "40" });
  await context.log.until("time");
});

add("HTTP/1.0", async (context) => {
  const connection = await HttpConnection.open(context.port);
  connection.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n");
  context.saw("handshake", record(await connection.response()));
  context.saw("then", await connection.closed());
});

add("two requests pipelined on one connection", async (context) => {
  const connection = await HttpConnection.open(context.port);
  const head = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: there\r\n\r\n";
  connection.write(head + head);
  context.saw("first", record(await connection.response()));
  context.saw("second", record(await connection.response()));
});
