// Where we differ from the official server on purpose: exactly these cases, each with its reason and what we do instead.
import { expect } from "vitest";
import type { Transcript } from "./case.js";

export interface Difference {
  reason: string;
  /** Our transcript, made from the oracle's. It may hold matchers. */
  ours(oracle: Transcript): Transcript;
}

/** The oracle's transcript with other values under some labels. */
function saw(changes: Record<string, unknown>, server?: unknown[][]): Difference["ours"] {
  return (oracle) => ({
    client: oracle.client.map(([label, value]) => [label, label in changes ? changes[label] : value]),
    server: server ? [...oracle.server, ...server] : oracle.server,
  });
}

function closed(reason: string): unknown[][] {
  return [
    ["disconnecting", "/", reason, 1],
    ["disconnect", "/", reason, false],
  ];
}

const exactPath =
  "the path matches with and without its trailing slash; at the root nothing below is taken from the application";
const checkedOrigin = "the Origin is checked on every transport: the own host by default, or what cors.origin allows";
const refused = expect.toSatisfy((status) => status === 400 || status === 403);

const origins = ["http://evil.example", "null"];
const configurations = ["not configured", "a string", "a list", "an expression", "a function that gives false"];
const originChecks = origins.flatMap((origin) =>
  configurations.flatMap((name): [string, Difference][] => [
    [
      `cors: the origin ${origin}, ${name}: polling`,
      { reason: checkedOrigin, ours: saw({ status: refused, "allowed origin": expect.anything() }) },
    ],
    [`cors: the origin ${origin}, ${name}: websocket`, { reason: checkedOrigin, ours: saw({ status: refused }) }],
  ]),
);

const newestAsks =
  "who asks again before the answer takes back what it asked: one answer, one socket. Node makes two, of which the client " +
  "knows one: every event comes twice, and what it left goes on until the connection ends";
const entered = (nth: number) => ["connection", { nth }];

export const differences: Record<string, Difference> = {
  ...Object.fromEntries(originChecks),

  "frames: three pings": {
    reason:
      "one pong waits at most, for the newest ping (RFC 6455, 5.5.3): who pings and reads nothing costs no memory",
    ours: (oracle) => ({
      ...oracle,
      client: oracle.client.map(([label, value]) =>
        label === "frames"
          ? [label, (value as string[]).filter((pong) => pong !== "pong:1" && pong !== "pong:2")]
          : [label, value],
      ),
    }),
  },
  "http checks: the path /socket.io?": { reason: exactPath, ours: saw({ GET: [200, "<open packet>"] }) },
  "http checks: the option path /": { reason: exactPath, ours: saw({ "/socket.io/": [404, "application"] }) },
  "http checks: an upgrade to the path without its trailing slash": { reason: exactPath, ours: saw({ status: 101 }) },

  "websocket: a bad EIO on a WebSocket": {
    reason: "refused before 101: Node accepts the WebSocket and then writes an HTTP response into it",
    ours: saw({ status: 400, body: "Unsupported protocol version" }),
  },
  "websocket: a packet from the client: close": {
    reason: "a close packet closes at once, as it does over polling; Node ignores it",
    ours: saw({ frames: ["close"], verdict: "closed (fin)" }, closed("transport close")),
  },
  "upgrade failures: a WebSocket with the sid of a session born on WebSocket": {
    reason: "there is nothing to upgrade: the second WebSocket closes, the live one continues",
    ours: saw({ answer: "closed" }),
  },
  "upgrade: a ping that is unanswered at the upgrade": {
    reason: "the ping timeout stays through an upgrade; Node drops it and never pings again",
    ours: saw({ "without a pong": "closed" }, closed("ping timeout")),
  },
  "packets: two CONNECTs while a middleware decides: both are let in": {
    reason: newestAsks,
    ours: (oracle) => ({
      client: saw({ answers: ['40{"sid":"<id 1>"}'], frames: ['42["hello"]'], sockets: 1 })(oracle).client,
      server: [["middleware"], ["middleware"], entered(2)],
    }),
  },
  "packets: two CONNECTs while a middleware decides: the first is refused": {
    reason: newestAsks,
    ours: saw({ answers: ['40{"sid":"<id 1>"}'] }),
  },
  "packets: two CONNECTs while a middleware decides: the second is refused": {
    reason: newestAsks,
    ours: (oracle) => ({
      client: saw({ answers: ['44{"message":"no"}'], frames: ["close"], verdict: "closed (fin)", sockets: 0 })(oracle)
        .client,
      server: [["middleware"], ["middleware"]],
    }),
  },
  "packets: middleware: early emit": {
    reason: "40 precedes every event of its socket",
    ours: saw({ answer: '40{"sid":"<id 1>"}', next: ['42["early",1]'] }),
  },
  "emit: an empty list of rooms": {
    reason: "an empty list names nobody; Node sends to everybody, so that a list that happens to be empty tells all",
    ours: saw(Object.fromEntries([0, 1, 2].map((nth) => [`socket ${nth}`, ['42["everybody"]']]))),
  },
  "binary: num 0.5": {
    reason: "a placeholder's num must be an integer; Node puts undefined in its place",
    ours: (oracle) => ({
      client: saw({ frames: ["close"], verdict: "closed (fin)" })(oracle).client,
      server: [["connection", "/"], ...closed("forced close")],
    }),
  },
};
