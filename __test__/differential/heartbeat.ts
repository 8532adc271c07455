// Heartbeats of seconds, in which a busy machine does what a case asks for. What goes into the transcript is that nothing comes before its time; how late it may be, a busy machine says.
import { elapse, type PollingSession, split, type WebSocketSession } from "../support/raw.js";
import { type CaseOptions, type Context, group, record, recordAnswer } from "./case.js";
import { answerOf, recordRest } from "./verdict.js";

const { cases, add } = group("heartbeat");
export const heartbeatCases = cases;

/** For clients that answer, and for those that do not. */
const short: CaseOptions = { options: { pingInterval: 1500, pingTimeout: 5000 } };
const hasty: CaseOptions = { options: { pingInterval: 1500, pingTimeout: 1500 } };
const long: CaseOptions = { options: { pingInterval: 1500, pingTimeout: 4000 } };

class Clock {
  #start = performance.now();
  lap(): number {
    const now = performance.now();
    const ms = now - this.#start;
    this.#start = now;
    return ms;
  }
}

const packetOf: Record<string, (session: never) => Promise<string>> = {
  websocket: (session: WebSocketSession) => session.text("a ping"),
  polling: async (session: PollingSession) => split(await session.get()).join(","),
};

async function open(context: Context, transport: string): Promise<WebSocketSession | PollingSession> {
  return transport === "polling" ? context.polling() : context.webSocket();
}

async function send(session: WebSocketSession | PollingSession, packet: string): Promise<void> {
  if ("post" in session) await session.post(packet);
  else session.send(packet);
}

for (const transport of ["polling", "websocket"]) {
  const next = packetOf[transport]!;

  add(`${transport}: a ping comes pingInterval after the handshake, and after each pong`, short, async (context) => {
    const clock = new Clock();
    const session = await open(context, transport);
    await send(session, "40");
    context.saw("joined", (await next(session as never)).slice(0, 2));
    for (let i = 0; i < 3; i++) {
      context.saw("packet", await next(session as never));
      context.saw("not before its time", clock.lap() >= 1400);
      await send(session, "3");
    }
  });

  add(`${transport}: no pong within pingTimeout`, hasty, async (context) => {
    const clock = new Clock();
    const session = await open(context, transport);
    await send(session, "40");
    context.saw("joined", (await next(session as never)).slice(0, 2));
    context.saw("packet", await next(session as never));
    await context.log.until("disconnect");
    context.saw("not before its time", clock.lap() >= 2900);
    if ("post" in session) context.saw("then", record(await session.get()));
    else await recordRest(context, session);
  });

  add(`${transport}: a packet while a pong is awaited extends the timeout, once`, long, async (context) => {
    const session = await open(context, transport);
    await send(session, "40");
    context.saw("joined", (await next(session as never)).slice(0, 2));
    context.saw("packet", await next(session as never));
    const clock = new Clock();
    await elapse(2000);
    await send(session, '42["first"]');
    await elapse(2000);
    await send(session, '42["second"]');
    await context.log.until("disconnect");
    // The ping, then 4 s from the first packet, which came after 2 s; the second one at 4 s adds nothing, or else it would be 8.
    const ended = clock.lap();
    context.saw("extended", ended < 5900 ? "not at all" : ended < 7900 ? "once" : "twice");
  });

  add(`${transport}: no packet but a pong ends the wait`, hasty, async (context) => {
    const session = await open(context, transport);
    await send(session, "40");
    await next(session as never);
    context.saw("packet", await next(session as never));
    await send(session, '42["instead"]');
    await send(session, "6");
    await context.log.until("disconnect");
  });
}

add("polling: a ping waits for the next GET", short, async (context) => {
  const session = await context.joinedPolling();
  await elapse(1900);
  context.saw("packets", await session.packets(1));
  await session.post("3");
  context.saw("next", await session.packets(1));
});

add(
  "polling: silence closes a pending GET",
  { options: { pingInterval: 1500, pingTimeout: 1500 } },
  async (context) => {
    const session = await context.joinedPolling();
    context.saw("ping", await session.packets(1));
    const pending = await session.startGet();
    context.saw("GET", recordAnswer(await answerOf(pending)));
    await context.log.until("disconnect");
    context.saw("then", record(await session.get()));
  },
);

add("a session that joined nothing is pinged and dropped too", hasty, async (context) => {
  const session = await context.webSocket();
  await recordRest(context, session);
});

add("several pongs at once do no harm", short, async (context) => {
  const session = await context.joinedWebSocket();
  for (let i = 0; i < 3; i++) {
    context.saw("ping", await session.text());
    for (let k = 0; k < 3; k++) session.send("3");
  }
});

add("events and pings share a connection in order", short, async (context) => {
  const session = await context.joinedWebSocket();
  const seen: string[] = [];
  for (let i = 0; seen.filter((line) => line === "2").length < 3; i++) {
    session.send(`42["echo",${i}]`);
    for (let line = ""; !line.includes("echo"); seen.push(line)) {
      line = await session.text();
      if (line === "2") session.send("3");
    }
  }
  const echoes = seen.filter((line) => line !== "2");
  context.saw(
    "in order",
    echoes.every((line, i) => line === `42["echo",${i}]`),
  );
  context.log.entries.splice(1);
});

add("a ping between an event and its binary", short, async (context) => {
  const session = await context.joinedWebSocket();
  session.send('451-["echo",{"_placeholder":true,"num":0}]');
  context.saw("ping", await session.text());
  session.send("3");
  session.send(Buffer.from([7]));
  context.saw("echo", [await session.text(), (await session.ws.next()).payload.toString("hex")]);
});
