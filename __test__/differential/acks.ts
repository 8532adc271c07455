// Acks in both directions.
import type { Socket } from "socket.io";
import { type CaseOptions, type Context, group } from "./case.js";
import { texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("acks");
export const ackCases = cases;

const asking: CaseOptions = {
  setup: (io, log) => {
    const wire = (socket: Socket) => {
      socket.on("ask me", (count: number) => {
        for (let i = 0; i < count; i++)
          socket.emit("question", i, (...answer: unknown[]) => log.add("answer", i, ...answer));
      });
      socket.on("ask me in time", (ms: number) => {
        socket
          .timeout(ms)
          .emit("question", (error: Error | null, ...answer: unknown[]) => log.add("answer", error, ...answer));
      });
      socket.on("ask with promise", async () => {
        log.add("answer", await socket.emitWithAck("question", "p"));
      });
      socket.on("promise in time", async (ms: number) => {
        const answer = await socket
          .timeout(ms)
          .emitWithAck("question")
          .catch((error) => error);
        log.add("answer", answer);
      });
      socket.on("twice", (ack) => {
        ack(1);
        ack(2);
      });
      socket.on("odd", (ack) => ack(undefined, null, Number.NaN, new Date(0), [undefined], { u: undefined }));
      socket.on("late", (ack) => setTimeout(ack, 20, "late"));
      socket.on("bytes", (ack) => ack(Buffer.from([1]), { x: Buffer.from([2]) }));
    };
    io.on("connection", wire);
    io.of("/custom").on("connection", wire);
  },
};

for (const [name, packet, count] of [
  ["no arguments", '421["ack"]', 1],
  ["several arguments", '4212["ack",1,"two",{"three":[3]},null]', 1],
  ["called twice", '423["twice"]', 1],
  ["odd values", '424["odd"]', 1],
  ["later", '425["late"]', 1],
  ["binary", '426["bytes"]', 3],
  ["id 0", '420["ack",0]', 1],
  ["no handler", '427["nobody listens"]', 0],
] as const) {
  add(`the server answers: ${name}`, asking, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(packet);
    context.saw("answer", await texts(session, count));
    await webSocketVerdict(context, session);
  });
}

add("answers come in the order of the handlers, not of the events", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('421["late"]');
  session.send('422["ack",2]');
  context.saw("answers", await texts(session, 2));
});

add("the same ack id twice is answered twice", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('425["ack","a"]');
  session.send('425["ack","b"]');
  context.saw("answers", await texts(session, 2));
});

add("an answer after the client has gone does no harm", asking, async (context) => {
  const [leaver, other] = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  leaver.send('421["late"]');
  await context.log.until("event");
  leaver.ws.connection.destroy();
  await context.log.until("disconnect");
  other.send('422["late"]');
  context.saw("the other's answer", await texts(other, 1));
});

add("the server's ids count from 0", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["ask me",3]');
  context.saw("questions", await texts(session, 3));
  session.send('432["third"]');
  session.send("430[]");
  session.send('431["second",{"x":1},null]');
  await context.log.until("answer", 3);
  session.send('42["ask me",1]');
  context.saw("next", await texts(session, 1));
});

add("the ids count per namespace, across sockets", asking, async (context) => {
  const [a, b] = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  await a.join("/custom");
  a.send('42["ask me",1]');
  context.saw("a", await texts(a, 1));
  b.send('42["ask me",1]');
  context.saw("b", await texts(b, 1));
  a.send('42/custom,["ask me",1]');
  context.saw("a in /custom", await texts(a, 1));
});

add("an answer counts once, and only from the socket that was asked", asking, async (context) => {
  const [a, b] = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  a.send('42["ask me",1]');
  context.saw("question", await texts(a, 1));
  b.send('430["stolen"]');
  await webSocketVerdict(context, b);
  a.send('430["mine"]');
  a.send('430["again"]');
  await context.log.until("answer");
  await webSocketVerdict(context, a);
});

add("a binary answer", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["ask me",1]');
  context.saw("question", await texts(session, 1));
  session.send('461-0[{"_placeholder":true,"num":0},"x"]');
  session.send(Buffer.from([5, 6]));
  await context.log.until("answer");
});

add("an answer over polling", asking, async (context) => {
  const session = await context.joinedPolling();
  await session.post('42["ask me",2]');
  context.saw("questions", await session.packets(2));
  await session.post('431["b"]\x1e461-0[{"_placeholder":true,"num":0}]\x1ebBQY=');
  await context.log.until("answer", 2);
});

for (const name of ["ask me in time", "promise in time"]) {
  add(`${name}: answered`, asking, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42["${name}",3000]`);
    await session.text();
    session.send('430["in time"]');
    await context.log.until("answer");
  });

  add(`${name}: too late`, asking, async (context) => {
    const session = await context.joinedWebSocket();
    session.send(`42["${name}",40]`);
    await session.text();
    await context.log.until("answer");
    session.send('430["too late"]');
    await webSocketVerdict(context, session);
  });
}

add("emitWithAck", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["ask with promise"]');
  context.saw("question", await texts(session, 1));
  session.send('430["answered","more"]');
  await context.log.until("answer");
});

/** Emits to everybody and logs what everybody answers. */
function askAll(context: Context, ms: number): void {
  context.io.timeout(ms).emit("question", (error: Error | null, answers: unknown[]) => {
    context.log.add("answers", error, answers);
  });
}

const idOf = (question: string) => /\d+/.exec(question.slice(2))![0];

add("a broadcast asks everybody", async (context) => {
  const sessions = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  askAll(context, 3000);
  for (const [i, session] of sessions.entries()) {
    const question = await session.text();
    context.saw("question", question);
    session.send(`43${idOf(question)}["answer ${i}"]`);
    await webSocketVerdict(context, session);
  }
  await context.log.until("answers");
});

add("a broadcast that not everybody answers", async (context) => {
  const [a, b] = [await context.joinedWebSocket(), await context.joinedWebSocket()];
  askAll(context, 100);
  const question = await a.text();
  await b.text();
  a.send(`43${idOf(question)}["a"]`);
  await context.log.until("answers");
});

add("a question that is never answered, and the client leaves", asking, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('42["ask me",1]');
  await session.text();
  session.send('42["ask me in time",60]');
  await session.text();
  session.ws.connection.destroy();
  await context.log.until("disconnect");
  await context.log.until("answer");
});
