// What the server emits: order, rooms, volatile events, and the timeouts of a connection.
import type { Server, Socket } from "socket.io";
import { text } from "../support/raw.js";
import { type CaseOptions, type Context, group, record } from "./case.js";
import { recordRest, texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("emit");
export const emitCases = cases;

/** Runs `act` on the server when a client sends "go", with the sockets in the order of their connection. */
function on(act: (io: Server, sockets: Socket[]) => void): CaseOptions {
  return {
    setup: (io) => {
      const sockets: Socket[] = [];
      io.on("connection", (socket) => {
        sockets.push(socket);
        socket.on("go", () => act(io, sockets));
      });
    },
  };
}

/** Three sockets, a "go" from the first, and what each got before the end mark that everybody gets. */
async function three(context: Context): Promise<void> {
  const sessions = [];
  for (let i = 0; i < 3; i++) sessions.push(await context.joinedWebSocket());
  sessions[0]!.send('42["go"]');
  await context.log.until("event");
  context.io.emit("end");
  for (const [i, session] of sessions.entries()) {
    const seen: string[] = [];
    for (let line = ""; line !== '42["end"]'; line = await session.text()) if (line) seen.push(line);
    context.saw(`socket ${i}`, seen);
  }
}

const scripts: [string, (io: Server, sockets: Socket[]) => void][] = [
  [
    "broadcasts and direct events keep their order",
    (io, [a, b]) => {
      a!.emit("n", 1);
      io.emit("n", 2);
      b!.emit("n", 3);
      io.emit("n", 4);
      a!.emit("n", 5);
      io.to(a!.id).emit("n", 6);
      io.in([a!.id, b!.id]).emit("n", 7);
      io.emit("n", 8);
    },
  ],
  [
    "rooms",
    (io, [a, b, c]) => {
      a!.join("x");
      b!.join(["x", "y"]);
      c!.join("y");
      io.to("x").emit("x");
      io.to("y").emit("y");
      io.to("nobody").emit("nobody");
      b!.leave("x");
      io.to("x").emit("x again");
    },
  ],
  [
    "a socket in two rooms gets an event once",
    (io, [a, b]) => {
      a!.join(["x", "y"]);
      b!.join("y");
      io.to("x").to("y").emit("both");
      io.to(["x", "y"]).emit("list");
      io.in("x").in("y").in("x").emit("in");
    },
  ],
  [
    "an empty list of rooms",
    (io) => {
      io.to([]).emit("nobody");
      io.to([]).to("x").emit("nobody");
      io.except([]).emit("everybody");
    },
  ],
  [
    "except",
    (io, [a, b, c]) => {
      a!.join(["x", "y"]);
      b!.join("x");
      c!.join("x");
      io.except("y").emit("all but y");
      io.to("x").except("y").emit("x but y");
      io.to("x").except([b!.id, c!.id]).emit("x but two");
      io.except("nobody").emit("all");
    },
  ],
  [
    "socket.broadcast and socket.to leave out the sender",
    (_io, [a, b, c]) => {
      for (const socket of [a!, b!, c!]) socket.join("x");
      a!.broadcast.emit("broadcast");
      a!.to("x").emit("to");
      a!.in("x").emit("in");
      a!.to("x").except(b!.id).emit("except");
      a!.to(a!.id).emit("self");
    },
  ],
  [
    "joining between two events",
    (io, [a, b]) => {
      io.to("x").emit("before");
      a!.join("x");
      io.to("x").emit("after a");
      b!.join("x");
      io.to("x").emit("after b");
      a!.leave("x");
      io.to("x").emit("without a");
    },
  ],
  [
    "leaving the own room",
    (io, [a]) => {
      a!.leave(a!.id);
      io.to(a!.id).emit("direct");
      a!.emit("own");
    },
  ],
  [
    "socketsJoin and socketsLeave",
    (io, [a]) => {
      io.socketsJoin("all");
      io.to("all").emit("joined");
      io.in(a!.id).socketsLeave("all");
      io.to("all").emit("left");
      io.in("all").socketsJoin(["p", "q"]);
      io.to("p").emit("p");
    },
  ],
  [
    "odd room names",
    (io, [a]) => {
      for (const room of ["", "__proto__", "constructor", "ä😀", " ", "a,b", "x".repeat(1000)]) {
        a!.join(room);
        io.to(room).emit("to", room.length);
      }
    },
  ],
  [
    "namespaces do not mix",
    (io, [a]) => {
      a!.join("x");
      io.of("/custom").to("x").emit("custom");
      io.of("/custom").emit("custom");
      io.of("/").to("x").emit("main");
    },
  ],
  [
    "a thousand events",
    (io) => {
      for (let i = 0; i < 1000; i++) io.emit("n", i);
    },
  ],
  [
    "large and small in turn",
    (io, [a]) => {
      for (let i = 0; i < 5; i++) {
        io.emit("big", i, "x".repeat(70_000));
        a!.emit("small", i);
        io.emit("bytes", Buffer.alloc(10, i));
      }
    },
  ],
];

for (const [name, act] of scripts) {
  if (name.startsWith("large")) {
    add(name, on(act), async (context) => {
      const session = await context.joinedWebSocket();
      session.send('42["go"]');
      context.saw("frames", await texts(session, 20));
    });
  } else add(name, on(act), three);
}

add(
  "disconnectSockets of a room",
  on((io, [a, b]) => {
    a!.join("x");
    b!.join("x");
    io.in("x").disconnectSockets();
    io.emit("after");
  }),
  async (context) => {
    const sessions = [];
    for (let i = 0; i < 3; i++) sessions.push(await context.joinedWebSocket());
    sessions[2]!.send('42["go"]');
    for (const session of sessions) context.saw("first", await texts(session, 1));
    await context.log.until("disconnect", 2);
  },
);

add("rooms and sockets, as the server counts them", async (context) => {
  const [a, b] = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  await context.log.until("connection", 2);
  const [first, second] = [...context.io.of("/").sockets.values()];
  first!.join("x");
  second!.join(["x", "y"]);
  context.saw("rooms", [first!.rooms.size, second!.rooms.size, second!.rooms.has("y"), first!.rooms.has(first!.id)]);
  second!.leave("x");
  context.saw(
    "after leaving one",
    [...second!.rooms].filter((room) => room !== second!.id),
  );
  context.saw("sockets", context.io.of("/").sockets.size);
  a.send("41");
  await context.log.until("disconnect");
  context.saw("after one left", [context.io.of("/").sockets.size, first!.connected, second!.connected]);
  await webSocketVerdict(context, b);
});

add(
  "volatile without a pending GET is dropped",
  on((io, [a]) => {
    a!.volatile.emit("lost");
    io.volatile.emit("lost too");
    a!.emit("kept");
  }),
  async (context) => {
    const session = await context.joinedPolling();
    await session.post('42["go"]');
    context.saw("GET", record(await session.get()));
  },
);

add(
  "volatile with a pending GET is delivered",
  on((_io, [a]) => {
    a!.volatile.emit("found", 1);
  }),
  async (context) => {
    const session = await context.joinedPolling();
    const pending = await session.startGet();
    await session.post('42["go"]');
    context.saw("GET", text(await pending.response));
  },
);

add(
  "volatile over an idle WebSocket is delivered",
  on((_io, [a]) => {
    a!.volatile.emit("found", 1);
  }),
  async (context) => {
    const session = await context.joinedWebSocket();
    session.send('42["go"]');
    context.saw("frames", await texts(session, 1));
  },
);

const hasty: CaseOptions = { options: { connectTimeout: 1500 } };

add("connectTimeout without a CONNECT: websocket", hasty, async (context) => {
  const session = await context.webSocket();
  const start = performance.now();
  await recordRest(context, session);
  context.saw("not at once", performance.now() - start > 200);
});

add("connectTimeout without a CONNECT: polling", hasty, async (context) => {
  const session = await context.polling();
  context.saw("GET", record(await session.get()));
  context.saw("then", record(await session.get()));
});

add("connectTimeout after an unknown namespace only", hasty, async (context) => {
  const session = await context.webSocket();
  context.saw("answer", await session.join("/nowhere"));
  await recordRest(context, session);
});

add("connectTimeout is over once a namespace was joined", hasty, async (context) => {
  const session = await context.joinedWebSocket();
  session.send("41");
  await context.log.until("disconnect");
  await new Promise((resolve) => setTimeout(resolve, 2000));
  context.saw("joins again", await session.join("/custom"));
});

add(
  "connectTimeout while a middleware decides",
  {
    ...hasty,
    only: (io, log) => {
      io.use(() => log.add("asked"));
    },
  },
  async (context) => {
    const session = await context.webSocket();
    session.send("40");
    await recordRest(context, session);
  },
);

for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
  add(`emitting the reserved name ${name} throws`, async (context) => {
    const session = await context.joinedWebSocket();
    await context.log.until("connection");
    const socket = context.io.of("/").sockets.values().next().value!;
    for (const emitter of [socket, context.io, context.io.to("x")]) {
      try {
        emitter.emit(name as never);
        context.saw("no error", true);
      } catch (error) {
        context.saw("error", (error as Error).message);
      }
    }
    await webSocketVerdict(context, session);
  });
}
