// Raw clients one level up: an Engine.IO session over polling or WebSocket, still packet by packet.
import { expectArrival } from "./arrivals.js";
import { HttpConnection, type HttpResponse, request, type TcpEnd, text } from "./raw-http.js";
import { BINARY, CLOSE, type Frame, type RawWebSocket, TEXT, type Upgrade, upgrade } from "./raw-websocket.js";

export * from "./deadline.js";
export * from "./queue.js";
export * from "./raw-http.js";
export * from "./raw-websocket.js";

/** Separates packets in a polling payload. */
export const SEPARATOR = "\x1e";

export interface OpenPacket {
  sid: string;
  upgrades: string[];
  pingInterval: number;
  pingTimeout: number;
  maxPayload: number;
}

export interface SessionOptions {
  path?: string;
  /** More query parameters: `&a=1`. */
  query?: string;
  headers?: Record<string, string>;
}

/** A GET that waits on the server, which has seen it. */
export interface PendingGet {
  connection: HttpConnection;
  response: Promise<HttpResponse>;
}

/** `42["name",…]` and the like, for a namespace. */
export function packet(type: string, namespace: string, rest = ""): string {
  return `4${type}${namespace === "/" ? "" : `${namespace},`}${rest}`;
}

/** An Engine.IO session over HTTP long-polling. Every request has a connection of its own. */
export class PollingSession {
  private constructor(
    readonly port: number,
    readonly response: HttpResponse,
    readonly open: OpenPacket,
    readonly path: string,
  ) {}

  static async open(port: number, options: SessionOptions = {}): Promise<PollingSession> {
    const path = options.path ?? "/socket.io/";
    const target = `${path}?EIO=4&transport=polling${options.query ?? ""}`;
    const response = await request(port, "GET", target, options.headers ? { headers: options.headers } : {});
    const body = text(response);
    if (response.status !== 200 || body[0] !== "0") throw new Error(`no session: ${response.status} ${body}`);
    return new PollingSession(port, response, JSON.parse(body.slice(1)), path);
  }

  get sid(): string {
    return this.open.sid;
  }

  get target(): string {
    return `${this.path}?EIO=4&transport=polling&sid=${this.sid}`;
  }

  get(headers: Record<string, string> = {}): Promise<HttpResponse> {
    return request(this.port, "GET", this.target, { headers });
  }

  /** Sends a GET and returns once the server has it. */
  async startGet(headers: Record<string, string> = {}): Promise<PendingGet> {
    const connection = await HttpConnection.open(this.port);
    const { token, arrived } = expectArrival();
    connection.head("GET", `${this.target}&t=${token}`, headers);
    const response = connection.response("the answer to a pending GET");
    response.catch(() => undefined);
    await arrived;
    return { connection, response };
  }

  /** Sends the head of a POST, and of its body what `body` holds, of `length` bytes in all. */
  async startPost(body: string, length: number): Promise<PendingGet> {
    const connection = await HttpConnection.open(this.port);
    const { token, arrived } = expectArrival();
    connection.head("POST", `${this.target}&t=${token}`, { "Content-Length": String(length) });
    if (body) connection.write(body);
    const response = connection.response("the answer to a POST");
    response.catch(() => undefined);
    await arrived;
    return { connection, response };
  }

  post(body: string | Buffer, headers: Record<string, string> = {}): Promise<HttpResponse> {
    return request(this.port, "POST", this.target, { body, headers });
  }

  /** A POST that the server may cut without an answer. */
  async tryPost(body: string | Buffer): Promise<HttpResponse | TcpEnd> {
    const connection = await HttpConnection.open(this.port);
    const bytes = Buffer.from(body);
    connection.head("POST", this.target, { "Content-Length": String(bytes.length) });
    connection.write(bytes);
    const answer = connection.response("the answer to a POST");
    answer.catch(() => undefined);
    const outcome = await Promise.race([
      answer.catch(() => connection.ended),
      connection.ended.then((end) => answer.catch(() => end)),
    ]);
    connection.destroy();
    return outcome;
  }

  /** GETs until `count` packets other than noop have come. */
  async packets(count: number): Promise<string[]> {
    const packets: string[] = [];
    while (packets.length < count) {
      const response = await this.get();
      if (response.status !== 200) throw new Error(`GET answered ${response.status} ${text(response)}`);
      packets.push(...split(response));
    }
    return packets;
  }

  /** Joins a namespace; gives the server's answer. */
  async join(namespace = "/", auth = ""): Promise<string> {
    await this.post(packet("0", namespace, auth));
    return (await this.packets(1))[0]!;
  }
}

/** The packets in a polling response, without noops. */
export function split(response: HttpResponse): string[] {
  return text(response)
    .split(SEPARATOR)
    .filter((one) => one !== "6");
}

export interface WebSocketOptions extends SessionOptions {
  /** Continues this session instead of opening one. */
  sid?: string;
}

/** The target of a WebSocket request. */
export function webSocketTarget(options: WebSocketOptions = {}): string {
  const sid = options.sid === undefined ? "" : `&sid=${options.sid}`;
  return `${options.path ?? "/socket.io/"}?EIO=4&transport=websocket${sid}${options.query ?? ""}`;
}

/** An Engine.IO session that was opened over WebSocket, or the socket that is to take over a polling one. */
export class WebSocketSession {
  open: OpenPacket | undefined;

  private constructor(
    readonly ws: RawWebSocket,
    readonly handshake: Upgrade,
  ) {}

  /** Opens a session and reads its open packet. */
  static async open(port: number, options: SessionOptions = {}): Promise<WebSocketSession> {
    const session = await WebSocketSession.attach(port, options);
    session.open = JSON.parse((await session.text("the open packet")).slice(1));
    return session;
  }

  /** A WebSocket for an existing session (`sid`). */
  static async attach(port: number, options: WebSocketOptions = {}): Promise<WebSocketSession> {
    const handshake = await upgrade(
      port,
      webSocketTarget(options),
      options.headers ? { headers: options.headers } : {},
    );
    if (!handshake.ws) throw new Error(`no WebSocket: ${handshake.response.status} ${text(handshake.response)}`);
    return new WebSocketSession(handshake.ws, handshake);
  }

  send(packet: string | Buffer): void {
    if (typeof packet === "string") this.ws.text(packet);
    else this.ws.binary(packet);
  }

  /** The next frame, which has to be text. */
  async text(what = "a text packet", ms?: number): Promise<string> {
    const frame = await this.ws.next(what, ms);
    if (frame.opcode !== TEXT) throw new Error(`waited for ${what}, got ${describeFrame(frame)}`);
    return frame.payload.toString();
  }

  /** Joins a namespace; gives the server's answer. */
  async join(namespace = "/", auth = ""): Promise<string> {
    this.send(packet("0", namespace, auth));
    return this.text(`the answer to CONNECT ${namespace}`);
  }
}

const names: Record<number, string> = { 0: "continuation", 8: "close", 9: "ping", 10: "pong" };

/** A frame as a line: the text itself, `binary:` and hex, `close:` and the code. */
export function describeFrame(frame: Frame): string {
  const odd = `${frame.fin ? "" : "!fin "}${frame.rsv ? `rsv${frame.rsv} ` : ""}${frame.masked ? "masked " : ""}`;
  if (frame.opcode === TEXT) return odd + frame.payload.toString();
  if (frame.opcode === BINARY) return `${odd}binary:${frame.payload.toString("hex")}`;
  const name = names[frame.opcode] ?? `opcode ${frame.opcode}`;
  if (frame.opcode !== CLOSE) return `${odd}${name}:${frame.payload.toString()}`;
  return frame.payload.length === 0 ? `${odd}close` : `${odd}close:${frame.payload.readUInt16BE(0)}`;
}
