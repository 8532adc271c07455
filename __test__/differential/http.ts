// The checks on every HTTP request and upgrade, and which of them comes first.
import { text } from "../support/raw.js";
import { group, record, recordUpgrade } from "./case.js";

const { cases, add } = group("http checks");
export const httpCases = cases;

const transports = [
  "polling",
  "websocket",
  undefined,
  "",
  "foo",
  "Polling",
  "__proto__",
  "constructor",
  "webtransport",
];
const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
const versions = ["4", "3", undefined, "5", "04", "abc"];
const sids = [undefined, "", "AAAAAAAAAAAAAAAAAAAA", "__proto__", "constructor"];

function target(query: Record<string, string | undefined>): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  return `/socket.io/?${pairs.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

for (const transport of transports) {
  add(`transport=${transport}: every method, EIO and sid`, async (context) => {
    for (const method of methods) {
      for (const EIO of versions) {
        for (const sid of sids) {
          const path = target({ EIO, transport, sid });
          const response = await context.http(method, path);
          context.saw(`${method} ${path}`, [response.status, text(response).replace(/^0.*/, "<open packet>")]);
        }
      }
    }
  });

  add(`transport=${transport}: upgrades with every EIO and sid`, async (context) => {
    for (const EIO of versions) {
      for (const sid of sids) {
        const bad = EIO !== "4" && transport === "websocket" && !sid;
        if (bad || (transport === "polling" && !sid)) continue;
        const done = await context.upgradeTo(target({ transport, EIO, sid }));
        context.saw(`EIO=${EIO} sid=${sid}`, [done.response.status, done.response.body.toString()]);
      }
    }
  });
}

for (const [name, query] of [
  ["unknown transport", "EIO=4&transport=foo"],
  ["unknown sid", "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"],
  ["websocket on a plain GET", "EIO=4&transport=websocket"],
  ["unsupported protocol", "EIO=3&transport=polling"],
  ["no query at all", ""],
] as const) {
  add(`the whole answer to: ${name}`, async (context) => {
    context.saw("GET", record(await context.http("GET", `/socket.io/?${query}`)));
    context.saw("POST", record(await context.http("POST", `/socket.io/?${query}`, { body: "40" })));
  });
}

add("an Origin with a control character", async (context) => {
  for (const origin of ["http://a\x01b", "http://a\x7fb", "\x00"]) {
    const path = "/socket.io/?EIO=4&transport=polling";
    const response = await context.http("GET", path, { headers: { Origin: origin } });
    context.saw(JSON.stringify(origin), response.status);
  }
});

add("methods with the sid of a live session", async (context) => {
  const session = await context.joinedPolling();
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
    context.saw(method, record(await context.http(method, session.target)));
  }
  context.saw("then POST", record(await session.post("6")));
});

add("a live sid with another transport or EIO", async (context) => {
  const session = await context.joinedPolling();
  const sid = session.sid;
  for (const query of [
    { transport: "websocket", EIO: "4", sid },
    { transport: "polling", EIO: "3", sid },
    { transport: "polling", sid },
    { transport: "foo", EIO: "4", sid },
    { transport: "websocket", EIO: "3", sid },
  ]) {
    const response = await context.http("GET", target(query));
    context.saw(JSON.stringify(query), [response.status, text(response)]);
  }
  const webSocket = await context.joinedWebSocket();
  const open = webSocket.open!.sid;
  const response = await context.http("GET", target({ transport: "polling", EIO: "4", sid: open }));
  context.saw("polling with a WebSocket's sid", [response.status, text(response)]);
});

add("an upgrade with a live sid and a wrong EIO is refused before 101", async (context) => {
  const session = await context.joinedPolling();
  for (const query of ["EIO=3&", "", "EIO=abc&"]) {
    const done = await context.upgradeTo(`/socket.io/?${query}transport=websocket&sid=${session.sid}`);
    context.saw(query, [done.response.status, done.response.body.toString()]);
  }
  context.saw("the session lives", record(await session.post("6")));
});

for (const [name, refuse] of [
  ["without a text", undefined],
  ["with a text", "not today"],
  ["with a text beyond ASCII", "nö 🙅"],
] as const) {
  add(
    `allowRequest refuses ${name}`,
    { options: { allowRequest: (_request, done) => done(refuse, false) } },
    async (context) => {
      for (const query of ["EIO=4&transport=polling", "EIO=3&transport=polling", "EIO=4&transport=foo"]) {
        context.saw(query, record(await context.http("GET", `/socket.io/?${query}`)));
      }
      context.saw("POST", record(await context.http("POST", "/socket.io/?EIO=4&transport=polling")));
      context.saw("upgrade", recordUpgrade(await context.upgrade()));
    },
  );
}

add(
  "allowRequest decides later, by the request",
  {
    options: {
      allowRequest: (request, done) => setTimeout(() => done(null, request.headers["x-key"] === "right"), 20),
    },
  },
  async (context) => {
    const path = "/socket.io/?EIO=4&transport=polling";
    const bad = await context.http("GET", path);
    context.saw("without the key", [bad.status, text(bad)]);
    const good = await context.http("GET", path, { headers: { "X-Key": "right" } });
    context.saw("with the key", good.status);
    context.saw("upgrade without", (await context.upgrade()).response.status);
    const session = await context.joinedWebSocket({ headers: { "X-Key": "right" } });
    session.send('42["echo","through"]');
    context.saw("upgrade with", await session.text());
  },
);

add(
  "allowRequest is asked only for a new session",
  {
    options: { allowRequest: (request, done) => done(null, !request.url?.includes("sid=")) },
  },
  async (context) => {
    const session = await context.joinedPolling();
    session.post('42["echo",1]').catch(() => undefined);
    context.saw("the session works", await session.packets(1));
  },
);

add("a repeated query parameter: the last one counts", async (context) => {
  const session = await context.joinedPolling();
  for (const query of [
    "EIO=4&transport=foo&transport=polling",
    "EIO=4&transport=polling&transport=foo",
    "EIO=3&EIO=4&transport=polling",
    "EIO=4&EIO=3&transport=polling",
    `EIO=4&transport=polling&sid=nobody&sid=${session.sid}&sid=nobody`,
  ]) {
    const response = await context.http("GET", `/socket.io/?${query}`);
    context.saw(query.replace(session.sid, "live"), [response.status, text(response).replace(/^0.*/, "<open packet>")]);
  }
  const response = await context.http("POST", `/socket.io/?EIO=4&transport=polling&sid=nobody&sid=${session.sid}`, {
    body: "6",
  });
  context.saw("POST, the last sid is live", [response.status, text(response)]);
});

add("percent-encoding, plus signs and fragments in the query", async (context) => {
  for (const query of [
    "EIO=%34&transport=%70olling",
    "%45IO=4&transport=polling",
    "EIO=4&transport=polling%00",
    "EIO=4&transport=polling+",
    "EIO=4&transport=polling#sid=x",
    "EIO=4&transport=polling&",
    "&&EIO=4&&transport=polling",
    "EIO=4;transport=polling",
    "EIO=4&transport=polling&=&x&y=%zz&%ff",
    "EIO=4&transport=polling?EIO=3",
  ]) {
    const response = await context.http("GET", `/socket.io/?${query}`);
    context.saw(query, [response.status, text(response).replace(/^0.*/, "<open packet>")]);
  }
});

add("t and b64 are ignored", async (context) => {
  const session = await context.polling({ query: "&t=abc&b64=1" });
  context.saw("handshake", record(session.response));
  context.saw("join", await session.join());
  await session.post(['42["echo",1]', "451-" + '["echo",{"_placeholder":true,"num":0}]', "bAQID"].join("\x1e"));
  context.saw("echo", await session.packets(3));
});

for (const path of [
  "/socket.io/?",
  "/socket.io?",
  "/socket.io/foo?",
  "/socket.io/foo/bar?",
  "/socket.iox/?",
  "/socket.io-admin/?",
  "/Socket.io/?",
  "/socket.io//?",
  "//socket.io/?",
  "/?",
  "/other?",
  "/%73ocket.io/?",
]) {
  add(`the path ${path}`, async (context) => {
    const response = await context.http("GET", `${path}EIO=4&transport=polling`);
    context.saw("GET", [response.status, text(response).replace(/^0.*/, "<open packet>")]);
  });
}

for (const option of ["/api/ws", "/api/ws/", "/a", "/"]) {
  add(`the option path ${option}`, { options: { path: option } }, async (context) => {
    for (const path of [`${option.replace(/\/$/, "")}/`, "/socket.io/"]) {
      const response = await context.http("GET", `${path}?EIO=4&transport=polling`);
      context.saw(path, [response.status, text(response).replace(/^0.*/, "<open packet>")]);
    }
  });
}

add(
  "an upgrade elsewhere belongs to the application",
  {
    options: { destroyUpgrade: false },
    setup: (_io, _log, httpServer) => {
      httpServer.on("upgrade", (request, socket) => {
        if (request.url?.startsWith("/elsewhere")) socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
      });
    },
  },
  async (context) => {
    context.saw("elsewhere", (await context.upgrade({ path: "/elsewhere" })).response.status);
    const session = await context.joinedWebSocket();
    session.send('42["echo","ours"]');
    context.saw("our path", await session.text());
  },
);

add(
  "an upgrade below our path belongs to the application",
  {
    options: { path: "/api/ws", destroyUpgrade: false },
    setup: (_io, _log, httpServer) => {
      httpServer.prependListener("upgrade", (request, socket) => {
        if (!request.url?.startsWith("/api/ws/terminal")) return;
        setImmediate(() => socket.writable && socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n"));
      });
    },
  },
  async (context) => {
    const done = await context.upgrade({ path: "/api/ws/terminal" });
    context.saw("status", done.response.status);
  },
);

add("an upgrade to the path without its trailing slash", async (context) => {
  try {
    context.saw("status", (await context.upgrade({ path: "/socket.io" })).response.status);
  } catch {
    context.saw("status", "no answer");
  }
});
