// CORS: preflights, simple requests and errors, for every way to configure it.
import type { CorsOptions } from "cors";
import { header, text } from "../support/raw.js";
import { type Context, group, record } from "./case.js";

const { cases, add } = group("cors");
export const corsCases = cases;

const site = "http://a.example";
const path = "/socket.io/?EIO=4&transport=polling";

/** Every kind of request that a page at `origin` can make. */
async function everything(context: Context, origin: string): Promise<void> {
  const headers = { Origin: origin };
  const ask = { ...headers, "Access-Control-Request-Method": "POST" };
  context.saw("preflight", record(await context.http("OPTIONS", path, { headers: ask })));
  context.saw(
    "preflight with headers",
    record(
      await context.http("OPTIONS", path, {
        headers: { ...ask, "Access-Control-Request-Headers": "content-type,X-Custom" },
      }),
    ),
  );
  context.saw("OPTIONS without Origin", record(await context.http("OPTIONS", path)));
  const handshake = await context.http("GET", path, { headers });
  context.saw("handshake", record(handshake));
  const sid = /"sid":"([^"]+)"/.exec(text(handshake))?.[1];
  const target = `${path}&sid=${sid}`;
  context.saw("POST", record(await context.http("POST", target, { headers, body: "40" })));
  context.saw("GET", record(await context.http("GET", target, { headers })));
  context.saw("PUT", record(await context.http("PUT", target, { headers })));
  context.saw("error 0", record(await context.http("GET", "/socket.io/?EIO=4", { headers })));
  context.saw("error 1", record(await context.http("GET", `${path}&sid=nobody`, { headers })));
  context.saw("error 2", record(await context.http("POST", path, { headers })));
  context.saw("without Origin", record(await context.http("GET", path)));
}

const configurations: [string, CorsOptions][] = [
  ["{}", {}],
  ["origin *", { origin: "*" }],
  ["origin a string", { origin: site }],
  ["origin a list", { origin: ["http://b.example", site] }],
  ["origin a list of one", { origin: [site] }],
  ["origin a list with an expression", { origin: [/\.b\.example$/, /^http:\/\/a\./] }],
  ["origin an expression", { origin: /a\.example$/ }],
  ["origin true", { origin: true }],
  ["origin a function that gives true", { origin: (_origin, done) => done(null, true) }],
  ["origin a function that gives a list", { origin: (_origin, done) => done(null, [site]) }],
  ["credentials", { origin: site, credentials: true }],
  ["credentials with *", { origin: "*", credentials: true }],
  ["credentials false", { origin: site, credentials: false }],
  ["methods a list", { origin: site, methods: ["GET", "POST"] }],
  ["methods a string", { origin: site, methods: "GET" }],
  ["allowedHeaders a list", { origin: site, allowedHeaders: ["X-One", "X-Two"] }],
  ["allowedHeaders a string", { origin: site, allowedHeaders: "X-One" }],
  ["exposedHeaders", { origin: site, exposedHeaders: ["X-Seen", "X-Other"] }],
  ["maxAge", { origin: site, maxAge: 600 }],
  ["maxAge 0", { origin: site, maxAge: 0 }],
  ["optionsSuccessStatus", { origin: site, optionsSuccessStatus: 200 }],
  [
    "everything at once",
    { origin: [site], credentials: true, methods: ["GET"], allowedHeaders: ["X"], exposedHeaders: ["Y"], maxAge: 1 },
  ],
];

for (const [name, cors] of configurations) {
  add(name, { options: { cors } }, (context) => everything(context, site));
}

add(
  "a function for the whole configuration",
  {
    options: { cors: (request, done) => done(null, { origin: site, credentials: request.headers.origin === site }) },
  },
  (context) => everything(context, site),
);

add("an event over a cross-origin WebSocket", { options: { cors: { origin: site } } }, async (context) => {
  const session = await context.joinedWebSocket({ headers: { Origin: site } });
  session.send('42["echo",1]');
  context.saw("echo", await session.text());
});

add("not configured: the own origin", async (context) => {
  const own = `http://127.0.0.1:${context.port}`;
  await everything(context, own);
  const session = await context.joinedWebSocket({ headers: { Origin: own } });
  session.send('42["echo",1]');
  context.saw("echo", await session.text());
});

add("not configured: a preflight", async (context) => {
  const headers = { Origin: site, "Access-Control-Request-Method": "POST" };
  context.saw("preflight", record(await context.http("OPTIONS", path, { headers })));
});

const foreign = "http://evil.example";
const strict: [string, CorsOptions | undefined][] = [
  ["not configured", undefined],
  ["a string", { origin: site }],
  ["a list", { origin: [site] }],
  ["an expression", { origin: /a\.example$/ }],
  ["a function that gives false", { origin: (_origin, done) => done(null, false) }],
  ["a function that fails", { origin: (_origin, done) => done(new Error("no")) }],
];

for (const [name, cors] of strict) {
  const options = cors ? { options: { cors } } : {};
  for (const origin of [foreign, "null"]) {
    add(`the origin ${origin}, ${name}: polling`, options, async (context) => {
      const response = await context.http("GET", path, { headers: { Origin: origin } });
      context.saw("status", response.status);
      context.saw("allowed origin", header(response, "access-control-allow-origin") ?? "none");
    });
    add(`the origin ${origin}, ${name}: websocket`, options, async (context) => {
      const done = await context.upgrade({ headers: { Origin: origin } });
      context.saw("status", done.response.status);
    });
  }
  if (cors) {
    add(`the origin ${foreign}, ${name}: preflight`, options, async (context) => {
      const headers = { Origin: foreign, "Access-Control-Request-Method": "POST" };
      const response = await context.http("OPTIONS", path, { headers });
      context.saw("allowed origin", header(response, "access-control-allow-origin") ?? "none");
    });
  }
}
