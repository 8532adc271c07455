// After something odd was sent: everything that came back, and whether the session lives on.
import {
  CLOSE,
  describeFrame,
  type Frame,
  type HttpResponse,
  type PendingGet,
  PONG,
  type PollingSession,
  split,
  type TcpEnd,
  text,
  type WebSocketSession,
} from "../support/raw.js";
import { type Context, recordAnswer } from "./case.js";

/** An event with an ack id that the standard handlers answer. */
const QUESTION = '42999["alive"]';
const ANSWER = '43999["alive"]';

/** A long text shortened to its length and both ends. */
export function shorten(line: string): string {
  return line.length <= 200 ? line : `${line.slice(0, 40)}… (${line.length}) …${line.slice(-10)}`;
}

/**
 * Asks over a WebSocket that has joined "/" whether it still lives. Records the frames until the answer, or until the
 * server ended the connection, and then waits until the handlers saw the disconnect.
 */
export async function webSocketVerdict(context: Context, session: WebSocketSession): Promise<void> {
  session.send(QUESTION);
  const frames: string[] = [];
  for (;;) {
    let frame: Frame;
    try {
      frame = await session.ws.next("an answer, or the end");
    } catch (error) {
      if (!session.ws.frames.ended) throw error;
      const end = await session.ws.connection.closed();
      await context.log.until("disconnect", context.log.count("connection"));
      context.saw("frames", frames);
      return context.saw("verdict", `closed (${end})`);
    }
    const line = describeFrame(frame);
    if (line === ANSWER) {
      context.saw("frames", frames);
      return context.saw("verdict", "alive");
    }
    frames.push(shorten(line));
  }
}

/** The frames until the end, as lines; the pongs and everything else included. */
export async function recordRest(context: Context, session: WebSocketSession): Promise<void> {
  const { frames, end } = await session.ws.rest();
  context.saw(
    "frames until the end",
    frames.map((frame) => shorten(describeFrame(frame))),
  );
  context.saw("tcp", end);
}

/** Text packets until `count` came, without control frames. */
export async function texts(session: WebSocketSession, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) {
    const frame = await session.ws.next(`${count} packets (${lines.length} came)`);
    if (frame.opcode === PONG) continue;
    lines.push(shorten(describeFrame(frame)));
    if (frame.opcode === CLOSE) break;
  }
  return lines;
}

/**
 * POSTs `body` while a GET is pending, then asks whether the session lives. Records the answer to the POST, what came
 * over the GETs, and the verdict.
 */
export async function payloadVerdict(context: Context, session: PollingSession, body: string | Buffer): Promise<void> {
  const pending = await session.startGet();
  context.saw("POST", recordAnswer(await session.tryPost(body)));
  await pollingVerdict(context, session, pending);
}

/** The same for a polling session on which something has already happened. */
export async function pollingVerdict(context: Context, session: PollingSession, pending?: PendingGet): Promise<void> {
  const question = await session.tryPost(QUESTION);
  const alive = typeof question !== "string" && question.status === 200;
  const received: string[] = pending ? packetsOf(await answerOf(pending)) : [];
  pending?.connection.destroy();
  while (alive && !received.includes(ANSWER)) received.push(...packetsOf(await session.get()));
  context.saw("received", received.map(shorten));
  if (!alive) {
    await context.log.until("disconnect", context.log.count("connection"));
    context.saw("next POST", recordAnswer(question));
  }
  context.saw("verdict", alive ? "alive" : "closed");
}

/** What became of a pending GET. */
export function answerOf(pending: PendingGet): Promise<HttpResponse | TcpEnd> {
  return pending.response.catch(() => pending.connection.closed());
}

function packetsOf(answer: HttpResponse | TcpEnd): string[] {
  if (typeof answer === "string") return ["no answer, connection ended"];
  return answer.status === 200 ? split(answer) : [`${answer.status} ${text(answer)}`];
}
