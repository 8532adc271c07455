// Socket.IO packets: CONNECT in every form, namespaces, middleware, DISCONNECT.
import type { Socket } from "socket.io";
import { type CaseOptions, group } from "./case.js";
import { watchNamespace } from "./log.js";
import { recordRest, texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("packets");
export const packetCases = cases;

const auth: CaseOptions = {
  setup: (io, log) => {
    for (const name of ["/", "/custom"]) {
      io.of(name).on("connection", (socket) => {
        log.add("auth", socket.handshake.auth);
        socket.emit("auth", socket.handshake.auth);
      });
    }
  },
};

const connects = [
  "40",
  "40{}",
  '40{"token":"a b","n":[1,{"x":null}]}',
  "40/",
  "40/,",
  "40/,{}",
  '40/,{"a":1}',
  "40/custom",
  "40/custom,",
  "40/custom,{}",
  '40/custom,{"token":"123"}',
  '40 {"a":1}',
  '40{"a":1} ',
  '40{"__proto__":{"admin":true},"a":1}',
  '40{"constructor":1,"toString":2}',
  '40{"sid":"mine","pid":"x","offset":"y"}',
  "401",
  "401{}",
  '4012{"a":1}',
  "40/custom,7",
  "40[]",
  "40null",
  "40true",
  '40"text"',
  "40x",
  "40{",
  '40{"a":1}x',
  "40custom",
  "40,",
  "40,{}",
  "40/nowhere",
  "40/nowhere,",
  '40/nowhere,{"a":1}',
  "40/custom?token=abc,",
  "40/Custom,",
  "40//custom,",
  "40/custom/,",
  "40/custom/sub,",
  "40/ä😀,",
  "40/__proto__,",
  "40/constructor,",
  '40/custom{"a":1}',
  '40/a"b\\c,',
  "40/ ,",
];

for (const packet of connects) {
  add(`CONNECT ${packet}`, auth, async (context) => {
    const session = await context.webSocket();
    session.send(packet);
    const first = await session.ws.next();
    const line = first.opcode === 1 ? first.payload.toString() : `opcode ${first.opcode} ${first.payload.length}`;
    context.saw("answer", line);
    if (first.opcode !== 1) return recordRest(context, session);
    if (line.startsWith("40")) context.saw("then", await texts(session, 1));
    if (!line.startsWith("40{")) context.saw("joins /", [(await session.join()).slice(0, 3), await texts(session, 1)]);
    await webSocketVerdict(context, session);
  });
}

add("CONNECT again to a joined namespace", async (context) => {
  const session = await context.joinedWebSocket();
  session.send("40");
  await webSocketVerdict(context, session);
});

add("CONNECT again with auth", async (context) => {
  const session = await context.joinedWebSocket();
  session.send("40{}");
  await webSocketVerdict(context, session);
});

add("CONNECT after DISCONNECT gives a new socket", async (context) => {
  const session = await context.joinedWebSocket();
  session.send("41");
  await context.log.until("disconnect");
  const first = await session.join();
  session.send("41");
  await context.log.until("disconnect", 2);
  const second = await session.join();
  context.saw("ids differ", first !== second);
  await webSocketVerdict(context, session);
});

add("an event right behind CONNECT, before its answer", async (context) => {
  const session = await context.webSocket();
  session.ws.connection.socket.cork();
  session.send("40");
  session.send('42["echo",1]');
  session.ws.connection.socket.uncork();
  const { frames } = await session.ws.rest();
  context.saw("ends without an echo", !frames.some((frame) => frame.payload.includes("echo")));
});

for (const [name, packets] of [
  ["an event before any CONNECT", ['42["echo",1]']],
  ["an ack before any CONNECT", ["431[]"]],
  ["DISCONNECT before any CONNECT", ["41"]],
  ["CONNECT_ERROR before any CONNECT", ['44{"message":"x"}']],
  ["a binary event before any CONNECT", ['451-["echo",{"_placeholder":true,"num":0}]']],
] as [string, string[]][]) {
  add(name, async (context) => {
    const session = await context.webSocket();
    for (const packet of packets) session.send(packet);
    if (packets[0]!.startsWith("45")) session.send(Buffer.from([1]));
    await recordRest(context, session);
  });
}

const outside: [string, string][] = [
  ["an event", '42/custom,["echo",1]'],
  ["an event to an unknown namespace", '42/nowhere,["echo",1]'],
  ["an ack", "43/custom,1[]"],
  ["DISCONNECT", "41/custom,"],
  ["DISCONNECT without comma", "41/custom"],
  ["CONNECT_ERROR", '44/custom,{"message":"x"}'],
];

for (const [name, packet] of outside) {
  add(`${name} for a namespace that was not joined`, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(packet);
    await webSocketVerdict(context, session);
  });
}

add("two namespaces on one connection", async (context) => {
  const session = await context.joinedWebSocket();
  context.saw("custom", await session.join("/custom"));
  session.send('42/custom,["echo","to custom"]');
  session.send('42["echo","to main"]');
  session.send('42/custom,5["ack","x"]');
  context.saw("answers", await texts(session, 3));
  session.send("41/custom,");
  await context.log.until("disconnect");
  session.send('42["echo","main lives"]');
  context.saw("answer", await texts(session, 1));
  session.send('42/custom,["echo","gone"]');
  await recordRest(context, session);
  await context.log.until("disconnect", 2);
});

add("leaving / keeps the other namespace", async (context) => {
  const session = await context.joinedWebSocket();
  await session.join("/custom");
  session.send("41");
  session.send('42/custom,["echo",1]');
  context.saw("answer", await texts(session, 1));
  context.io.emit("main", 1);
  context.io.of("/custom").emit("custom", 2);
  context.saw("broadcast", await texts(session, 1));
});

add("disconnect(true) in one namespace ends all", async (context) => {
  const session = await context.joinedWebSocket();
  await session.join("/custom");
  session.send('42/custom,["leave server",true]');
  const { frames } = await session.ws.rest();
  context.saw("frames", frames.map((frame) => frame.payload.toString()).sort());
  await context.log.until("disconnect", 2);
  context.log.entries.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
});

add("an unknown namespace leaves the connection usable", async (context) => {
  const session = await context.webSocket();
  context.saw("answer", await session.join("/nowhere"));
  context.saw("again", await session.join("/nowhere", '{"a":1}'));
  context.saw("custom", await session.join("/custom"));
});

const dynamic: CaseOptions = {
  setup: (io, log) => {
    watchNamespace(io.of(/^\/dyn-\d+$/), log);
    io.of((name: string, auth: Record<string, unknown>, next: (error: Error | null, ok: boolean) => void) => {
      log.add("asked", name, auth);
      setTimeout(() => next(null, auth.key === "right"), 10);
    }).on("connection", (socket) => log.add("dynamic", socket.nsp.name));
  },
};

add("dynamic namespaces by a regular expression", dynamic, async (context) => {
  const session = await context.webSocket();
  context.saw("dyn-1", await session.join("/dyn-1"));
  context.saw("dyn-22", await session.join("/dyn-22"));
  session.send('42/dyn-22,["echo",1]');
  context.saw("echo", await texts(session, 1));
  context.io.of("/dyn-1").emit("hello");
  context.saw("broadcast", await texts(session, 1));
});

add("dynamic namespaces by a function", dynamic, async (context) => {
  const session = await context.webSocket();
  context.saw("wrong", await session.join("/room", '{"key":"wrong"}'));
  context.saw("right", await session.join("/room", '{"key":"right"}'));
});

const refusing: CaseOptions = {
  only: (io, log) => {
    const check = (socket: Socket, next: (error?: Error & { data?: unknown }) => void) => {
      const { how } = socket.handshake.auth;
      log.add("middleware", how, socket.connected, socket.rooms.size);
      if (how === "message") return next(new Error("not you"));
      if (how === "data") return next(Object.assign(new Error("no"), { data: { code: 7, list: [1, null, "ä"] } }));
      if (how === "empty") return next(new Error(""));
      if (how === "null") return next(Object.assign(new Error("no"), { data: null }));
      if (how === "later") return setTimeout(() => next(new Error("later")), 30);
      if (how === "joins") {
        socket.join("left behind");
        return next(new Error("joined"));
      }
      if (how === "early emit") socket.emit("early", 1);
      socket.data.seen = true;
      next();
    };
    io.use(check);
    io.use((socket, next) => {
      log.add("second", socket.data.seen);
      setTimeout(next, 5);
    });
    io.on("connection", (socket) => {
      log.add("connection", socket.data.seen, socket.rooms.size);
      socket.emit("hello");
      socket.on("alive", (ack) => ack("alive"));
      socket.on("disconnect", (reason) => log.add("disconnect", reason));
    });
  },
};

for (const how of ["message", "data", "empty", "null", "later", "joins", "nothing", "early emit"]) {
  add(`middleware: ${how}`, refusing, async (context) => {
    const session = await context.webSocket();
    context.saw("answer", await session.join("/", JSON.stringify({ how })));
    if (how === "joins") context.io.to("left behind").emit("still in the room");
    if (how !== "early emit" && how !== "nothing") context.saw("retry", await session.join("/", '{"how":"nothing"}'));
    context.saw("next", await texts(session, 1));
    await webSocketVerdict(context, session);
  });
}

add(
  "a client that leaves while a middleware decides",
  {
    only: (io, log) => {
      const undecided: (() => void)[] = [];
      io.use((socket, next) => {
        if (socket.handshake.auth.stays) return next();
        undecided.push(next);
        log.add("middleware");
      });
      io.on("connection", (socket) => {
        log.add("connection", socket.handshake.auth);
        socket.on("alive", (ack) => ack("alive"));
        socket.on("decide", () => {
          for (const next of undecided) next();
        });
      });
    },
  },
  async (context) => {
    const leaver = await context.webSocket();
    leaver.send("40");
    await context.log.until("middleware");
    leaver.ws.close();
    await leaver.ws.rest();
    const other = await context.webSocket();
    await other.join("/", '{"stays":true}');
    await webSocketVerdict(context, other);
    other.send('42["decide"]');
    await webSocketVerdict(context, other);
    context.saw("sockets", context.io.of("/").sockets.size);
  },
);

// What the middleware says of the first and of the second CONNECT, in this order. The official server answers both.
for (const [name, verdicts] of [
  ["both are let in", [undefined, undefined]],
  ["the first is refused", [new Error("no"), undefined]],
  ["the second is refused", [undefined, new Error("no")]],
] as const) {
  add(
    `two CONNECTs while a middleware decides: ${name}`,
    {
      only: (io, log) => {
        const undecided: ((error?: Error) => void)[] = [];
        io.use((_socket, next) => {
          undecided.push(next);
          log.add("middleware");
          if (undecided.length === 2) verdicts.forEach((verdict, at) => void undecided[at]?.(verdict));
        });
        io.on("connection", (socket) => {
          log.add("connection", socket.handshake.auth);
          socket.on("alive", (ack) => ack("alive"));
          socket.on("disconnect", (reason) => log.add("disconnect", socket.handshake.auth, reason));
        });
      },
    },
    async (context) => {
      const session = await context.webSocket();
      session.send('40{"nth":1}');
      session.send('40{"nth":2}');
      context.saw("answers", await texts(session, context.server.kind === "oracle" ? 2 : 1));
      context.io.emit("hello");
      await webSocketVerdict(context, session);
      context.saw("sockets", context.io.of("/").sockets.size);
    },
  );
}

const slow: CaseOptions = {
  only: (io, log) => {
    io.use((_socket, next) => setTimeout(next, 60));
    io.on("connection", (socket) => {
      log.add("connection");
      socket.emit("hello");
    });
  },
};

add("40 precedes every event of its socket", slow, async (context) => {
  const session = await context.webSocket();
  session.send("40");
  context.io.emit("broadcast before");
  context.saw("frames", await texts(session, 2));
});

const greeting: CaseOptions = {
  setup: (io) => {
    io.on("connection", (socket) => {
      socket.join("room");
      socket.emit("one", 1);
      io.to("room").emit("two", 2);
      socket.emit("three", Buffer.from([3]));
      io.emit("four", 4);
    });
  },
};

for (const transport of ["websocket", "polling"] as const) {
  add(`what a connection handler emits, in order: ${transport}`, greeting, async (context) => {
    if (transport === "websocket") {
      const session = await context.webSocket();
      context.saw("40", (await session.join()).slice(0, 8));
      context.saw("frames", await texts(session, 5));
    } else {
      const session = await context.polling();
      await session.post("40");
      context.saw(
        "packets",
        (await session.packets(6)).map((line) => line.replace(/^40.*/, "40")),
      );
    }
  });
}
