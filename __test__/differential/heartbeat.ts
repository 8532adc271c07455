// Heartbeats with short timings. Times go into the transcript as whole steps, with room for a slow machine.
import { type PollingSession, split, type WebSocketSession } from "../support/raw.js";
import { type CaseOptions, type Context, group, record, recordAnswer } from "./case.js";
import { answerOf, recordRest } from "./verdict.js";

const { cases, add } = group("heartbeat");
export const heartbeatCases = cases;

const short: CaseOptions = { options: { pingInterval: 300, pingTimeout: 200 } };
const long: CaseOptions = { options: { pingInterval: 400, pingTimeout: 600 } };

/** Whether a time lies between two bounds: the record says which, or the time itself if in neither. */
function between(ms: number, ...bounds: [string, number, number][]): string {
  return bounds.find(([, from, to]) => ms >= from - 5 && ms < to)?.[0] ?? `${Math.round(ms)} ms`;
}

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
      context.saw("after", between(clock.lap(), ["about 300 ms", 290, 550]));
      await send(session, "3");
    }
  });

  add(`${transport}: no pong within pingTimeout`, short, async (context) => {
    const session = await open(context, transport);
    const clock = new Clock();
    await send(session, "40");
    context.saw("joined", (await next(session as never)).slice(0, 2));
    context.saw("packet", await next(session as never));
    await context.log.until("disconnect");
    context.saw("ended after", between(clock.lap(), ["about 500 ms", 490, 750]));
    if ("post" in session) context.saw("then", record(await session.get()));
    else await recordRest(context, session);
  });

  add(`${transport}: a packet while a pong is awaited extends the timeout, once`, long, async (context) => {
    const session = await open(context, transport);
    await send(session, "40");
    context.saw("joined", (await next(session as never)).slice(0, 2));
    context.saw("packet", await next(session as never));
    const clock = new Clock();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await send(session, '42["first"]');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await send(session, '42["second"]');
    await context.log.until("disconnect");
    // The ping, then 600 ms from the first packet, which came after 300 ms; the second packet at 600 ms adds nothing.
    context.saw(
      "ended after",
      between(clock.lap(), ["not extended", 0, 850], ["once", 890, 1150], ["twice", 1190, 1500]),
    );
  });

  add(`${transport}: no packet but a pong ends the wait`, short, async (context) => {
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
  await new Promise((resolve) => setTimeout(resolve, 380));
  context.saw("packets", await session.packets(1));
  await session.post("3");
  context.saw("next", await session.packets(1));
});

add("polling: silence closes a pending GET", { options: { pingInterval: 200, pingTimeout: 150 } }, async (context) => {
  const session = await context.joinedPolling();
  context.saw("ping", await session.packets(1));
  const pending = await session.startGet();
  context.saw("GET", recordAnswer(await answerOf(pending)));
  await context.log.until("disconnect");
  context.saw("then", record(await session.get()));
});

add("a session that joined nothing is pinged and dropped too", short, async (context) => {
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
