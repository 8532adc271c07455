// A differential case: what it is made of, what it can do, and the record it leaves.
import type { Server as HttpServer } from "node:http";
import type { Server } from "socket.io";
import { type Socket as ClientSocket, io as connect, type ManagerOptions, type SocketOptions } from "socket.io-client";
import {
  type HttpResponse,
  header,
  PollingSession,
  type RequestOptions,
  request,
  type SessionOptions,
  type TcpEnd,
  text,
  type Upgrade,
  type UpgradeOptions,
  upgrade,
  type WebSocketOptions,
  WebSocketSession,
  webSocketTarget,
} from "../support/raw.js";
import { type Kind, type Options, type RunningServer, startServer } from "../support/servers.js";
import { describe, type Entry, Log, standardSetup } from "./log.js";

/** What a client saw, in order, and what the handlers on the server saw. */
export interface Transcript {
  client: [label: string, value: unknown][];
  server: Entry[];
  /** The case could not go on: what it waited for did not come. */
  failed?: string;
}

export interface CaseOptions {
  options?: Options;
  /** More handlers, beside the standard ones. */
  setup?(io: Server, log: Log, httpServer: HttpServer): void;
  /** Replaces the standard handlers. */
  only?(io: Server, log: Log, httpServer: HttpServer): void;
}

export interface Case extends CaseOptions {
  group: string;
  name: string;
  run(context: Context): Promise<void>;
}

type Run = (context: Context) => Promise<void>;

/** The cases of one group, and the function that adds one. */
export function group(name: string): { cases: Case[]; add(name: string, ...rest: [Run] | [CaseOptions, Run]): void } {
  const cases: Case[] = [];
  return {
    cases,
    add: (title, ...rest) => {
      const [options, run] = rest.length === 1 ? [{}, rest[0]] : rest;
      cases.push({ group: name, name: title, ...options, run });
    },
  };
}

/** What a case works with. */
export class Context {
  readonly client: [string, unknown][] = [];
  readonly #disposals: (() => unknown)[] = [];

  constructor(
    readonly server: RunningServer,
    readonly log: Log,
  ) {}

  get port(): number {
    return this.server.port;
  }

  get io(): Server {
    return this.server.io;
  }

  /** Puts something into the transcript. */
  saw(label: string, value: unknown): void {
    this.client.push([label, describe(value)]);
  }

  http(method: string, target: string, options?: RequestOptions): Promise<HttpResponse> {
    return request(this.port, method, target, options);
  }

  upgrade(options: Omit<WebSocketOptions, "headers"> & UpgradeOptions = {}): Promise<Upgrade> {
    return upgrade(this.port, webSocketTarget(options as WebSocketOptions), options);
  }

  /** Asks for a WebSocket at exactly this target. */
  upgradeTo(target: string, options?: UpgradeOptions): Promise<Upgrade> {
    return upgrade(this.port, target, options);
  }

  polling(options?: SessionOptions): Promise<PollingSession> {
    return PollingSession.open(this.port, options);
  }

  /** A polling session that has joined "/". */
  async joinedPolling(options?: SessionOptions): Promise<PollingSession> {
    const session = await this.polling(options);
    await session.join();
    return session;
  }

  webSocket(options?: SessionOptions): Promise<WebSocketSession> {
    return WebSocketSession.open(this.port, options);
  }

  /** A WebSocket session that has joined "/". */
  async joinedWebSocket(options?: SessionOptions): Promise<WebSocketSession> {
    const session = await this.webSocket(options);
    await session.join();
    return session;
  }

  /** The official client; it is closed with the case. */
  official(port: number, options: Partial<ManagerOptions & SocketOptions> = {}, namespace = ""): ClientSocket {
    const client = connect(`http://127.0.0.1:${port}${namespace}`, {
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
      ...options,
    });
    this.defer(() => client.disconnect());
    return client;
  }

  /** Runs when the transcript is complete. */
  defer(disposal: () => unknown): void {
    this.#disposals.push(disposal);
  }

  async dispose(): Promise<void> {
    for (const disposal of this.#disposals) await disposal();
  }
}

const framing = new Set(["content-length", "transfer-encoding"]);

/**
 * A response as the transcript holds it. Left out: the date, and how a body is framed where that tells a client nothing
 * (errors and compressed bodies, which Node sends chunked only because it writes the head first).
 */
export function record(response: HttpResponse): unknown {
  const free = response.status >= 400 || header(response, "content-encoding") !== undefined;
  const headers = response.headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => name !== "date" && !(free && framing.has(name)))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { status: response.status, headers: Object.fromEntries(headers), body: text(response) };
}

/** The same of an answer that may be missing. */
export function recordAnswer(answer: HttpResponse | TcpEnd): unknown {
  return typeof answer === "string" ? "no answer, connection ended" : record(answer);
}

/** A refusal or a 101, without the CORS headers, which no browser reads on a WebSocket. */
export function recordUpgrade(done: Upgrade): unknown {
  const { status, reason, headers, body } = done.response;
  const kept = headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !/^(date|vary|access-control-.*|sec-websocket-accept)$/.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { status, reason, accepted: done.accepted, headers: Object.fromEntries(kept), body: body.toString() };
}

/**
 * Runs a case on one server. What the handlers see may come a little later than what the client sees: with `entries`,
 * the record waits until as many log entries are there as the other server's had.
 */
export async function transcribe(one: Case, kind: Kind, entries?: Promise<number>): Promise<Transcript> {
  const log = new Log();
  let server: RunningServer;
  try {
    server = await startServer(kind, one.options && structuredOptions(one.options), (io, httpServer) => {
      (one.only ?? ((target) => standardSetup(target, log)))(io, log, httpServer);
      one.setup?.(io, log, httpServer);
    });
  } catch (error) {
    return { client: [], server: [], failed: messageOf(error) };
  }
  const context = new Context(server, log);
  let failed: string | undefined;
  try {
    await one.run(context);
    if (entries) await log.grow(await entries);
  } catch (error) {
    failed = messageOf(error);
  }
  const seen = kind === "oracle" ? wireOrder(log.entries) : [...log.entries];
  const transcript: Transcript = { client: [...context.client], server: seen };
  if (failed !== undefined) transcript.failed = failed;
  await context.dispose();
  await server.close();
  return normalise(transcript, server.port);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The servers write into their options: each gets its own. */
function structuredOptions(options: Options): Options {
  const { cors, ...rest } = options;
  return { ...rest, ...(cors === undefined ? {} : { cors: typeof cors === "object" ? { ...cors } : cors }) };
}

/**
 * Node hands an event to the handlers a tick after it was decoded, so an event that arrives together with the end of its
 * session is seen by onAny after the disconnect, and by no other handler. The order on the wire is the one we hold to.
 */
function wireOrder(entries: Entry[]): Entry[] {
  const end = entries.findIndex((entry) => entry[0] === "disconnecting");
  const late = entries.slice(end + 2);
  const oneSocket = entries.filter((entry) => entry[0] === "connection").length === 1;
  const ended = end >= 0 && !String(entries[end]![2]).includes("namespace disconnect");
  if (!oneSocket || !ended || late.some((entry) => entry[0] !== "event")) return [...entries];
  return [...entries.slice(0, end), ...late, ...entries.slice(end, end + 2)];
}

const secrets = /"(?:sid|pid)":"([\w-]{20})"|\bio=([\w-]{20})/g;

/** Replaces what differs from run to run: session ids (numbered by first appearance) and the port. */
export function normalise(transcript: Transcript, port: number): Transcript {
  const ids = new Map<string, string>();
  walk(transcript, (string) => {
    for (const [, id = "", cookie = ""] of string.matchAll(secrets)) {
      if (!ids.has(id || cookie)) ids.set(id || cookie, `<id ${ids.size + 1}>`);
    }
    return string;
  });
  return walk(transcript, (string) => {
    let result = string.replaceAll(`127.0.0.1:${port}`, "<host>");
    for (const [id, name] of ids) result = result.replaceAll(id, name);
    return result;
  }) as Transcript;
}

function walk(value: unknown, change: (string: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => walk(item, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [change(key), walk(item, change)]));
}
