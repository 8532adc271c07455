// HTTP long-polling: what answers look like, overlapping and aborted requests, closing, compression.
import { createHash } from "node:crypto";
import { elapse, HttpConnection, header, SEPARATOR, split, text } from "../support/raw.js";
import { type CaseOptions, group, record, recordAnswer } from "./case.js";
import { answerOf, payloadVerdict, pollingVerdict } from "./verdict.js";

const { cases, add } = group("polling");
export const pollingCases = cases;

const emitter: CaseOptions = {
  setup: (io) => {
    io.on("connection", (socket) => {
      socket.on("emit", (count: number, size: number) => {
        for (let i = 0; i < count; i++) socket.emit("item", i, "x".repeat(size));
      });
      socket.on("bytes", () => socket.emit("bytes", Buffer.from([0, 1, 254, 255]), Buffer.alloc(0)));
    });
  },
};

add("the answers to POST and GET", async (context) => {
  const session = await context.joinedPolling();
  context.saw("POST", record(await session.post('42["echo","ä€😀"]')));
  context.saw("GET", record(await session.get()));
});

add("a GET waits until there is something", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  context.saw("POST", record(await session.post('42["echo",1]')));
  context.saw("GET", record(await pending.response));
});

add("several packets in one POST", async (context) => {
  const session = await context.joinedPolling();
  context.saw("POST", record(await session.post(['42["echo",1]', '42["echo",2]', '427["ack",3]'].join(SEPARATOR))));
  context.saw("packets", await session.packets(3));
});

add("several packets in one GET", emitter, async (context) => {
  const session = await context.joinedPolling();
  await session.post('42["emit",5,1]');
  context.saw("GET", record(await session.get()));
});

add("binary goes as b and base64, both ways", emitter, async (context) => {
  const session = await context.joinedPolling();
  await session.post('42["bytes"]');
  context.saw("GET", record(await session.get()));
  await session.post(['451-["echo",{"_placeholder":true,"num":0}]', "bAAH+/w=="].join(SEPARATOR));
  context.saw("echo", record(await session.get()));
});

for (const type of ["text/plain;charset=UTF-8", "application/json", "", "application/octet-stream; charset=x"]) {
  add(`POST with content-type "${type}"`, async (context) => {
    const session = await context.joinedPolling();
    const headers: Record<string, string> = type ? { "Content-Type": type } : {};
    context.saw("POST", record(await session.post('42["echo",1]', headers)));
    context.saw("packets", await session.packets(1));
  });
}

add("POST of application/octet-stream closes the session", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  context.saw("POST", record(await session.post("40", { "Content-Type": "application/octet-stream" })));
  context.saw("GET", recordAnswer(await answerOf(pending)));
  await context.log.until("disconnect");
  context.saw("then", record(await session.get()));
});

const small: CaseOptions = { options: { maxHttpBufferSize: 1000 } };

for (const [name, size] of [
  ["exactly maxHttpBufferSize", 1000],
  ["one byte more", 1001],
  ["far more", 300_000],
] as const) {
  add(`POST of ${name}`, small, async (context) => {
    const session = await context.joinedPolling();
    await payloadVerdict(context, session, '421["ack","x"]'.padEnd(size));
  });
}

add("maxHttpBufferSize counts bytes, not characters", small, async (context) => {
  const session = await context.joinedPolling();
  await payloadVerdict(context, session, `42["echo","${"€".repeat(330)}"]`);
});

add("413 comes while the body still streams, chunked", small, async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("POST", session.target, { "Transfer-Encoding": "chunked" });
  connection.write(`258\r\n${"x".repeat(600)}\r\n`);
  connection.write(`258\r\n${"x".repeat(600)}\r\n`);
  context.saw("before the end of the body", record(await connection.response()));
  connection.destroy();
  await pollingVerdict(context, session);
});

add("413 comes while the body still streams, with Content-Length", small, async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("POST", session.target, { "Content-Length": "100000000" });
  connection.write("x".repeat(2000));
  context.saw("before the end of the body", record(await connection.response()));
  connection.destroy();
  await pollingVerdict(context, session);
});

add("after a 413 the same connection serves again", small, async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("POST", session.target, { "Content-Length": "5000" });
  connection.write("x".repeat(5000));
  context.saw("413", record(await connection.response()));
  connection.head("POST", session.target, { "Content-Length": "12" });
  connection.write('42["echo",1]');
  context.saw("next", record(await connection.response()));
  context.saw("packets", await session.packets(1));
});

add("a chunked body in small pieces, cut within a character", async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("POST", session.target, { "Transfer-Encoding": "chunked" });
  for (const byte of Buffer.from('42["echo","ä€😀"]')) connection.write(Buffer.from([0x31, 13, 10, byte, 13, 10]));
  connection.write("0\r\n\r\n");
  context.saw("POST", record(await connection.response()));
  context.saw("packets", await session.packets(1));
});

add("Expect: 100-continue", async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("POST", session.target, { "Content-Length": "12", Expect: "100-continue" });
  context.saw("first", (await connection.response()).status);
  connection.write('42["echo",1]');
  context.saw("then", record(await connection.response()));
  context.saw("packets", await session.packets(1));
});

add("a second GET closes the session", async (context) => {
  const session = await context.joinedPolling();
  const first = await session.startGet();
  context.saw("second", record(await session.get()));
  context.saw("first", record(await first.response));
  await context.log.until("disconnect");
  context.saw("third", record(await session.get()));
});

add("a second POST closes the session and cuts the first", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  const first = await session.startPost("42[", 1000);
  context.saw("second", record(await session.post("6")));
  context.saw("first", recordAnswer(await answerOf(first)));
  context.saw("GET", recordAnswer(await answerOf(pending)));
  await context.log.until("disconnect");
  context.saw("third", record(await session.post("6")));
});

for (const how of ["destroy", "reset"] as const) {
  add(`a GET that the client aborts (${how}) closes the session`, async (context) => {
    const session = await context.joinedPolling();
    const pending = await session.startGet();
    pending.connection[how]();
    await context.log.until("disconnect");
    context.saw("then", record(await session.get()));
  });

  add(`a POST that the client aborts (${how}) mid-body closes the session`, async (context) => {
    const session = await context.joinedPolling();
    const get = await session.startGet();
    const post = await session.startPost('42["echo"', 1000);
    post.connection[how]();
    await context.log.until("disconnect");
    context.saw("GET", recordAnswer(await answerOf(get)));
    context.saw("then", record(await session.get()));
  });
}

add("POST 1 with a pending GET closes the session", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  context.saw("POST", record(await session.post("1")));
  context.saw("GET", record(await pending.response));
  await context.log.until("disconnect");
  context.saw("then", record(await session.get()));
});

add("POST 1 without a GET closes the session", async (context) => {
  const session = await context.joinedPolling();
  context.saw("POST", record(await session.post(['42["seen"]', "1", '42["unseen"]'].join(SEPARATOR))));
  await context.log.until("disconnect");
  context.saw("then", record(await session.get()));
});

add("disconnect(true): 41, then the close packet", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  context.saw("POST", record(await session.post('42["leave server",true]')));
  context.saw("first GET", record(await pending.response));
  context.saw("second GET", record(await session.get()));
  context.saw("third GET", record(await session.get()));
  await context.log.until("disconnect");
});

add("disconnect(true) without a GET: everything in the next one", async (context) => {
  const session = await context.joinedPolling();
  context.saw("POST", record(await session.post('42["leave server",true]')));
  await context.log.until("disconnect");
  const received: string[] = [];
  for (let response = await session.get(); ; response = await session.get()) {
    if (response.status === 200) received.push(...split(response));
    else {
      context.saw("received", received);
      context.saw("last", record(response));
      break;
    }
  }
});

add("disconnect() keeps the session", async (context) => {
  const session = await context.joinedPolling();
  const pending = await session.startGet();
  await session.post('42["leave server",false]');
  context.saw("GET", record(await pending.response));
  await context.log.until("disconnect");
  context.saw("joins again", await session.join());
});

add("pipelined: a POST behind a pending GET on one connection", async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  connection.head("GET", session.target);
  connection.head("POST", session.target, { "Content-Length": "12" });
  connection.write('42["echo",1]');
  context.saw("GET", record(await connection.response()));
  context.saw("POST", record(await connection.response()));
});

add("a keep-alive connection serves many requests", async (context) => {
  const session = await context.joinedPolling();
  const connection = await HttpConnection.open(context.port);
  for (let i = 0; i < 5; i++) {
    connection.head("POST", session.target, { "Content-Length": "12" });
    connection.write(`42["echo",${i}]`);
    context.saw("POST", record(await connection.response()));
    connection.head("GET", session.target);
    context.saw("GET", record(await connection.response()));
  }
  connection.head("GET", session.target, { Connection: "close" });
  const answer = session.post('42["echo","last"]');
  context.saw("with Connection: close", record(await connection.response()));
  context.saw("ended", await connection.closed());
  await answer;
});

const codings = ["gzip", "deflate", "gzip, deflate, br", "br", "gzip;q=0", "identity", "*", "deflate, gzip;q=0.5", "x"];

for (const coding of codings) {
  add(`a long answer with Accept-Encoding: ${coding}`, emitter, async (context) => {
    const session = await context.joinedPolling();
    for (const size of [1023 - 15, 1024 - 15, 5000, 100_000]) {
      await session.post(`42["emit",1,${size}]`);
      const response = await session.get({ "Accept-Encoding": coding });
      context.saw(`${size}`, [text(response).length, header(response, "content-encoding") ?? "plain"]);
    }
    await session.post('42["emit",1,3000]');
    context.saw("in full", record(await session.get({ "Accept-Encoding": coding })));
  });
}

for (const [name, httpCompression] of [
  ["off", false],
  ["from 10 bytes", { threshold: 10 }],
] as const) {
  add(`httpCompression ${name}`, { ...emitter, options: { httpCompression } }, async (context) => {
    const session = await context.polling({ headers: { "Accept-Encoding": "gzip" } });
    context.saw("handshake", header(session.response, "content-encoding") ?? "plain");
    await session.join();
    for (const size of [0, 100, 3000]) {
      await session.post(`42["emit",1,${size}]`);
      const response = await session.get({ "Accept-Encoding": "gzip" });
      context.saw(`${size}`, [text(response).length, header(response, "content-encoding") ?? "plain"]);
    }
  });
}

add("our output is not split by maxHttpBufferSize", { ...emitter, ...small }, async (context) => {
  const session = await context.joinedPolling();
  await session.post('42["emit",10,500]');
  const response = await session.get();
  context.saw("length", text(response).length);
  context.saw("hash", createHash("sha1").update(response.body).digest("hex"));
});

add("a packet for a session that has gone", async (context) => {
  const session = await context.joinedPolling();
  await session.post("1");
  await context.log.until("disconnect");
  context.saw("GET", record(await session.get()));
  context.saw("POST", record(await session.post('42["echo",1]')));
  const done = await context.upgrade({ sid: session.sid });
  context.saw("upgrade", [done.response.status, done.response.body.toString()]);
});

add("the close packet is kept for 30 s and no longer", async (context) => {
  const [early, late] = [await context.joinedPolling(), await context.joinedPolling()];
  for (const session of [early, late]) {
    const pending = await session.startGet();
    await session.post('42["leave server",true]');
    context.saw("GET", text(await pending.response));
  }
  const before = elapse(27_000);
  const after = elapse(30_500);
  await context.log.until("disconnect", 2);
  await before;
  context.saw("after 27 s", text(await early.get()));
  await after;
  context.saw("after 30.5 s", record(await late.get()));
});
