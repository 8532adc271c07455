// Upgrades that fail: the probing socket closes, the polling session lives on.
import {
  BINARY,
  CLOSE,
  encodeFrame,
  type FrameOptions,
  PING,
  TEXT,
  text,
  upgradeHeaders,
  type WebSocketSession,
} from "../support/raw.js";
import { type CaseOptions, group, record, recordAnswer, recordUpgrade } from "./case.js";
import { probed, second, upgraded } from "./upgrade.js";
import { answerOf, pollingVerdict, recordRest, webSocketVerdict } from "./verdict.js";

const { cases, add } = group("upgrade failures");
export const upgradeFailureCases = cases;

type Part = [opcode: number, payload?: string | Buffer, options?: FrameOptions];

const wrong: [string, Part[]][] = [
  ["an event", [[TEXT, '42["echo",1]']]],
  ["a ping without probe", [[TEXT, "2"]]],
  ["a ping with other data", [[TEXT, "2other"]]],
  ["a pong", [[TEXT, "3probe"]]],
  ["noop", [[TEXT, "6"]]],
  ["close", [[TEXT, "1"]]],
  ["open", [[TEXT, "0"]]],
  ["an unknown type", [[TEXT, "9"]]],
  ["empty text", [[TEXT, ""]]],
  ["binary", [[BINARY, Buffer.from([1])]]],
  ["empty binary", [[BINARY, ""]]],
  ["b and base64", [[TEXT, "bAQID"]]],
  ["bad UTF-8", [[TEXT, Buffer.from([0xff])]]],
  ["an unmasked frame", [[TEXT, "2probe", { mask: false }]]],
  ["a reserved bit", [[TEXT, "2probe", { rsv: 4 }]]],
  ["an oversize frame", [[TEXT, "", { claim: 2_000_000 }]]],
  ["a close frame", [[CLOSE, Buffer.from([3, 232])]]],
];

for (const when of ["before", "after"] as const) {
  for (const [name, parts] of wrong) {
    add(`${name}, ${when} the probe`, async (context) => {
      const session = await context.joinedPolling();
      const socket = await (when === "before" ? second : probed)(context, session);
      for (const part of parts) socket.ws.connection.write(encodeFrame(...part));
      await recordRest(context, socket);
      await pollingVerdict(context, session);
    });
  }
}

for (const how of ["end", "destroy", "reset"] as const) {
  add(`the client ends TCP after the probe: ${how}`, async (context) => {
    const session = await context.joinedPolling();
    const socket = await probed(context, session);
    socket.ws.connection[how]();
    await pollingVerdict(context, session);
  });
}

add("a second try after a failed one", async (context) => {
  const session = await context.joinedPolling();
  const first = await probed(context, session);
  first.send("6");
  await recordRest(context, first);
  const socket = await upgraded(context, session);
  await webSocketVerdict(context, socket);
});

add("a WebSocket ping does not disturb the probe", async (context) => {
  const session = await context.joinedPolling();
  const socket = await second(context, session);
  socket.ws.send(PING, "hello");
  context.saw("pong", (await socket.ws.next()).payload.toString());
  socket.send("2probe");
  context.saw("probe", await socket.text());
});

const quick: CaseOptions = { options: { upgradeTimeout: 1500 } };

for (const when of ["without a probe", "after the probe"] as const) {
  add(`upgradeTimeout ${when}`, quick, async (context) => {
    const session = await context.joinedPolling();
    const socket = await (when === "without a probe" ? second : probed)(context, session);
    const start = performance.now();
    await recordRest(context, socket);
    context.saw("not at once", performance.now() - start > 200);
    await pollingVerdict(context, session);
  });
}

add("upgradeTimeout does not touch an upgraded session", quick, async (context) => {
  const session = await context.joinedPolling();
  const socket = await upgraded(context, session);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await webSocketVerdict(context, socket);
});

add("a second WebSocket while the first is probing", async (context) => {
  const session = await context.joinedPolling();
  const first = await probed(context, session);
  const done = await context.upgrade({ sid: session.sid });
  context.saw("second", recordUpgrade(done));
  context.saw("its frames", (await done.ws!.rest()).frames.length);
  first.send("5");
  await webSocketVerdict(context, first);
});

add("a second WebSocket after the upgrade", async (context) => {
  const session = await context.joinedPolling();
  const first = await upgraded(context, session);
  first.send('42["echo",0]');
  await first.text();
  const done = await context.upgrade({ sid: session.sid });
  context.saw("second", recordUpgrade(done));
  done.ws!.text("2probe");
  context.saw("its frames", (await done.ws!.rest()).frames.length);
  await webSocketVerdict(context, first);
});

add("a WebSocket with the sid of a session born on WebSocket", async (context) => {
  const first = await context.joinedWebSocket();
  const done = await context.upgrade({ sid: first.open!.sid });
  context.saw("status", done.response.status);
  const socket = done.ws!;
  socket.text("2probe");
  context.saw("answer", (await socket.next()).opcode === CLOSE ? "closed" : "3probe");
  await webSocketVerdict(context, first);
});

add("the session closes while a WebSocket probes", async (context) => {
  const session = await context.joinedPolling();
  const socket = await probed(context, session);
  context.saw("POST", record(await session.post("1")));
  await recordRest(context, socket);
  await context.log.until("disconnect");
  const done = await context.upgrade({ sid: session.sid });
  context.saw("another", recordUpgrade(done));
});

add("disconnect(true) while a WebSocket probes", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const socket = await second(context, session);
  await session.post('42["leave server",true]');
  context.saw("GET", text(await pending.response));
  await context.log.until("disconnect");
  context.saw("next GET", record(await session.get()));
  await recordRest(context, socket);
});

add(
  "a ping timeout while a WebSocket probes",
  { options: { pingInterval: 4000, pingTimeout: 1000 } },
  async (context) => {
    const session = await context.joinedPolling();
    const socket = await probed(context, session);
    await context.log.until("disconnect");
    await recordRest(context, socket);
    context.saw("then", record(await session.get()));
  },
);

add("an aborted GET while a WebSocket probes", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const socket = await second(context, session);
  pending.connection.destroy();
  await context.log.until("disconnect");
  await recordRest(context, socket);
});

add("allowUpgrades: false, and a client that tries", { options: { allowUpgrades: false } }, async (context) => {
  const session = await context.joinedPolling();
  const done = await context.upgrade({ sid: session.sid });
  context.saw("status", done.response.status);
});

add("an upgrade with a broken WebSocket handshake", async (context) => {
  const session = await context.joinedPolling();
  const done = await context.upgrade({ sid: session.sid, headers: { "Sec-WebSocket-Key": undefined } });
  context.saw("status", done.response.status);
  context.saw("ended", await done.connection.closed());
  const socket = await upgraded(context, session);
  await webSocketVerdict(context, socket);
});

add("a POST with Upgrade headers is a POST", async (context) => {
  const session = await context.joinedPolling();
  const { Upgrade, Connection } = upgradeHeaders();
  const pending = await session.startGet({ Connection: "keep-alive" });
  const answer = await session.tryPost('42["echo",1]');
  context.saw("plain POST", recordAnswer(answer));
  context.saw("GET", recordAnswer(await answerOf(pending)));
  const response = await context.http("GET", `/socket.io/?EIO=4&transport=polling`, {
    headers: { Upgrade: Upgrade!, Connection: Connection! },
  });
  context.saw("an upgrade without a key", response.status);
});

add("two sessions upgrade without touching each other", async (context) => {
  const [a, b] = [await context.joinedPolling(), await context.joinedPolling()];
  const [x, y] = [await probed(context, a), await probed(context, b)];
  y.send("5");
  x.send("5");
  for (const [name, socket] of [
    ["x", x],
    ["y", y],
  ] as [string, WebSocketSession][]) {
    socket.send(`42["echo","${name}"]`);
    context.saw(name, await socket.text());
  }
});
