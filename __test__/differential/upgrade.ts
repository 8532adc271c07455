// From polling to WebSocket: the probe, the switch, and what is in flight meanwhile.
import { type PollingSession, split, text, WebSocketSession } from "../support/raw.js";
import { type Context, group, record, recordAnswer } from "./case.js";
import { answerOf, texts, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("upgrade");
export const upgradeCases = cases;

/** A second transport for the session. */
export function second(context: Context, session: PollingSession): Promise<WebSocketSession> {
  return WebSocketSession.attach(context.port, { sid: session.sid });
}

/** A probed second transport. */
export async function probed(context: Context, session: PollingSession): Promise<WebSocketSession> {
  const socket = await second(context, session);
  socket.send("2probe");
  const answer = await socket.text("3probe");
  if (answer !== "3probe") throw new Error(`the probe was answered by ${answer}`);
  return socket;
}

/** The whole upgrade, as the official client does it. */
export async function upgraded(context: Context, session: PollingSession): Promise<WebSocketSession> {
  const pending = await session.startGet();
  const socket = await probed(context, session);
  await pending.response;
  socket.send("5");
  return socket;
}

add("as the client does it", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const socket = await second(context, session);
  socket.send("2probe");
  context.saw("probe", await socket.text());
  context.saw("GET", record(await pending.response));
  socket.send("5");
  socket.send('42["echo","over WebSocket"]');
  context.saw("echo", await socket.text());
  await webSocketVerdict(context, socket);
});

add("a GET that is pending at the probe is answered", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const socket = await second(context, session);
  socket.send("2probe");
  await socket.text();
  context.saw("GET", text(await pending.response));
});

add("a GET that comes after the probe is answered", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  for (let i = 0; i < 3; i++) context.saw("GET", record(await session.get()));
  socket.send("5");
  await webSocketVerdict(context, socket);
});

add("before anything was joined", async (context) => {
  const session = await context.polling();
  const socket = await upgraded(context, session);
  context.saw("join", await socket.join());
  await webSocketVerdict(context, socket);
});

add("the probe can be repeated", async (context) => {
  const session = await context.joinedPolling();
  const socket = await second(context, session);
  for (let i = 0; i < 3; i++) {
    socket.send("2probe");
    context.saw("probe", await socket.text());
  }
  socket.send("5");
  await webSocketVerdict(context, socket);
});

add("5 without a probe", async (context) => {
  const session = await context.joinedPolling();
  const socket = await second(context, session);
  socket.send("5");
  await webSocketVerdict(context, socket);
});

add("a GET that is pending at 5", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const socket = await second(context, session);
  socket.send("5");
  context.saw("GET", record(await pending.response));
  await webSocketVerdict(context, socket);
});

add("a packet goes out over a GET between 3probe and 5", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  await session.post('42["echo","in between"]');
  const seen: string[] = [];
  while (seen.length === 0) seen.push(...split(await session.get()));
  context.saw("GET", seen);
  socket.send("5");
  await webSocketVerdict(context, socket);
});

add("what nobody fetched is flushed over the WebSocket, in order", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  for (let i = 0; i < 5; i++) context.io.emit("n", i);
  context.io.emit("bytes", Buffer.from([1, 2]), Buffer.from([3]));
  context.io.emit("n", 5);
  socket.send("5");
  context.saw("frames", await texts(socket, 9));
  await webSocketVerdict(context, socket);
});

add("packets wait on the server while nothing is pending, before any upgrade", async (context) => {
  const session = await context.joinedPolling();
  for (let i = 0; i < 3; i++) context.io.emit("n", i);
  const socket = await second(context, session);
  socket.send("2probe");
  context.saw("probe", await socket.text());
  socket.send("5");
  context.saw("frames", await texts(socket, 3));
});

add("a POST between 3probe and 5 comes before what follows over the WebSocket", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  context.saw("POST", record(await session.post('42["echo",1]\x1e42["echo",2]')));
  socket.send("5");
  socket.send('42["echo",3]');
  context.saw("frames", await texts(socket, 3));
});

add("a POST whose body is incomplete at 5", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  const post = await session.startPost('42["echo"', 12);
  socket.send("5");
  socket.send('42["echo","socket"]');
  context.saw("echo", await socket.text());
  post.connection.write(",1]");
  context.saw("POST", recordAnswer(await answerOf(post)));
  await webSocketVerdict(context, socket);
});

add("5 and events in one TCP segment", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  socket.ws.connection.socket.cork();
  socket.send("5");
  for (let i = 0; i < 5; i++) socket.send(`42["echo",${i}]`);
  socket.ws.connection.socket.uncork();
  context.saw("frames", await texts(socket, 5));
});

add("binary right behind 5", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  socket.send("5");
  socket.send('451-["echo",{"_placeholder":true,"num":0}]');
  socket.send(Buffer.from([9, 8]));
  context.saw("frames", await texts(socket, 2));
});

add("binary announced over polling arrives over the WebSocket", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  await session.post('451-["echo",{"_placeholder":true,"num":0}]');
  socket.send("5");
  socket.send(Buffer.from([9, 8]));
  context.saw("frames", await texts(socket, 2));
});

add("afterwards polling with the sid is refused", async (context) => {
  const session = await context.joinedPolling();
  const socket = await upgraded(context, session);
  await socket.ws.connection.socket.writable;
  socket.send('42["echo",0]');
  context.saw("echo", await socket.text());
  context.saw("GET", record(await session.get()));
  context.saw("POST", record(await session.post('42["echo",1]')));
  context.saw("PUT", record(await context.http("PUT", session.target)));
  await webSocketVerdict(context, socket);
});

add("disconnect(true) after the upgrade", async (context) => {
  const session = await context.joinedPolling();
  const socket = await upgraded(context, session);
  socket.send('42["leave server",true]');
  context.saw("frames", await texts(socket, 2));
  await context.log.until("disconnect");
});

add("the client ends TCP after the upgrade", async (context) => {
  const session = await context.joinedPolling();
  const socket = await upgraded(context, session);
  socket.send('42["echo",0]');
  await socket.text();
  socket.ws.connection.destroy();
  await context.log.until("disconnect");
});

add(
  "a ping that is unanswered at the upgrade",
  { options: { pingInterval: 1500, pingTimeout: 4000 } },
  async (context) => {
    const session = await context.joinedPolling();
    context.saw("ping", await session.packets(1));
    const socket = await probed(context, session);
    socket.send("5");
    const gone = context.log.until("disconnect").then(() => "closed");
    gone.catch(() => undefined);
    // Ours closes, however long that takes.
    const later = new Promise((resolve) => {
      if (context.server.kind === "oracle") setTimeout(() => resolve("open"), 5000);
    });
    context.saw("without a pong", await Promise.race([gone, later]));
  },
);

add("pings go on after the upgrade", { options: { pingInterval: 2000, pingTimeout: 5000 } }, async (context) => {
  const session = await context.joinedPolling();
  const socket = await upgraded(context, session);
  for (let i = 0; i < 3; i++) {
    context.saw("ping", await socket.text());
    socket.send("3");
  }
});
