// One native server and its ways in: HTTP servers it shares the port of, or a port of its own. It passes the inbox on.

import type { EventEmitter } from "node:events";
import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { InboxEvent } from "../../../native.js";
import { answerAsked } from "../gate/asked.js";
import { clientFileOf, isClientFile, serveFile } from "../gate/client-files.js";
import { endEarly, takeEarly } from "../gate/early.js";
import type { Gate } from "../gate/gate.js";
import { handOver } from "../gate/handover.js";
import { Hooks } from "../gate/hooks.js";
import { claim, type Handlers, hearUpgrades } from "../gate/intercept.js";
import { isOfClosing, Polling, unavailable } from "../gate/polling.js";
import { numberOf } from "../gate/request.js";
import { testTakeover } from "../gate/selftest.js";
import { keepUntilExit, releaseFromExit } from "../gate/shutdown.js";
import { endUnanswered, handleUpgrade, refuse } from "../gate/upgrade.js";
import { log } from "../options/logger.js";
import type { ParsedOptions } from "../options/option-table.js";
import { binding, type Native } from "../process/binding.js";
import { Asking } from "./asking.js";
import { encode } from "./binary.js";
import { type EmitFlags, flagBits } from "./flags.js";
import { Inbox } from "./inbox.js";

/** Types of packets to one socket. */
export const EVENT = 2;
export const ACK = 3;

/** Time that the native side may take beyond its deadline before it is given up, in ms. */
const GRACE = 1000;

/** What the requests of one HTTP server come for. */
export type Way = Pick<ParsedOptions, "path" | "serveClient" | "ownsBelow">;

export class Engine implements Gate {
  readonly native: Native;
  readonly id: number;
  readonly options: ParsedOptions;
  readonly polling: Polling;
  readonly hooks: Hooks;
  /** Events that ask all who get them. */
  readonly asking: Asking;
  readonly #inbox: Inbox;
  /** How many WebSockets came from Node, by the way they took. */
  readonly came = { taken: 0, piped: 0 };
  /** WebSockets that go through Node. */
  readonly piped = new Set<Duplex>();
  /** What it shares the ports of. */
  readonly #targets: EventEmitter[] = [];
  readonly #undo: Array<() => void> = [];
  /** Called when a room of namespace `/` has its first member, or none any more, once `watchRooms` has asked for it. */
  onRoom: (room: string, active: boolean) => void = () => {};
  /** Called when nothing more will come. */
  readonly onClosed: Array<() => void> = [];
  #closed: Promise<string> | undefined;
  #finish: ((report: string) => void) | undefined;
  /** What the native side says of its end. */
  #report: string | undefined;

  /** Opens the native server. `sink` gets every inbox event except those that concern HTTP and closing. */
  constructor(options: ParsedOptions, sink: (event: InboxEvent) => void, hooks: Hooks = new Hooks()) {
    this.options = options;
    this.hooks = hooks;
    this.native = binding();
    this.polling = new Polling(this);
    this.asking = new Asking(this.native, () => this.id);
    const handle = (event: InboxEvent) => {
      if (event.kind === "response") this.polling.respond(event);
      else if (event.kind === "closed") this.#nativeClosed(event.text ?? "{}");
      else if (event.kind === "request") answerAsked(this, event);
      else if (event.kind === "room") this.#roomEvent(event.text);
      else if (event.kind === "released") hooks.release(event.id ?? 0);
      else if (event.kind === "answers") this.asking.answered(event.id, event.text, event.data);
      else if (event.kind === "log") log(options.logger, event.text);
      else sink(event);
    };
    this.#inbox = new Inbox(handle, (most) => this.native.takeInbox(this.id, most));
    this.id = this.native.openServer(options.native, (events) => this.#inbox.receive(events));
    keepUntilExit(this);
  }

  get closing(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether an HTTP server has stopped listening, and waits for connections that are ours. */
  get holdsClosingServer(): boolean {
    return [...this.piped].some(isOfClosing) || this.polling.holdsClosingServer;
  }

  /** Shares the port of one HTTP server. When that closes its clients are closed; it may listen anew. */
  attach(server: EventEmitter, way: Way = this.options): void {
    const number = numberOf(server);
    this.#attach(server, way, () => this.#closeClients(number));
  }

  /** Shares the port of one HTTP server, until that closes: then this closes, too. */
  attachUntilClosed(server: EventEmitter): void {
    this.#attach(server, this.options, () => void this.close());
  }

  #attach(server: EventEmitter, way: Way, onClose: () => void): void {
    endEarly();
    this.#claim(server, way);
    hearUpgrades(server as HttpServer);
    server.on("close", onClose);
    this.#undo.push(() => server.off("close", onClose));
  }

  /** Closes those that came by an HTTP server. */
  #closeClients(number: number): void {
    if (this.closing) return;
    try {
      this.native.closeVia(this.id, number);
    } catch {
      // The native threads are too busy to answer; what they were told they do.
    }
  }

  /** Shares the port of every HTTP server of this process, and takes the WebSockets that wait for it already. */
  attachToAll(): void {
    this.#claim(HttpServer.prototype, this.options);
    this.#claim(HttpsServer.prototype, this.options);
    takeEarly(this.options.path, (request, socket, head) => handleUpgrade(this, request, socket, head));
  }

  #claim(target: EventEmitter, { path, serveClient, ownsBelow }: Way): void {
    void testTakeover(this.native);
    this.#targets.push(target);
    const handlers: Handlers = {
      request: (request, response) => {
        const file = serveClient ? clientFileOf(path, request.url) : undefined;
        if (file) serveFile(this, file, request, response);
        else this.polling.handle(request, response);
      },
      upgrade: (request, socket, head) => handleUpgrade(this, request, socket, head),
    };
    const { destroyUpgradeAfter: after } = this.options;
    if (after !== undefined) handlers.foreign = (socket) => endUnanswered(socket, after);
    // At the root nothing would be left for the application.
    if (ownsBelow && path !== "") handlers.below = () => true;
    else if (serveClient) handlers.below = isClientFile;
    this.#undo.push(claim(target, path, handlers));
  }

  declare(namespace: string, listen: boolean, ask: boolean): void {
    this.native.declareNamespace(this.id, namespace, listen, ask);
  }

  /** To the sockets of a namespace that are in one of `rooms` (all if empty) and in none of `except`. */
  emit(namespace: string, rooms: string[], except: string[], flags: EmitFlags, args: unknown[]): void {
    const { text, attachments } = encode(args);
    const less = except.length > 0 ? except : undefined;
    // One room by itself costs the way into the native side less than a list of one.
    const to = rooms.length === 1 ? (rooms[0] as string) : rooms;
    this.native.emit(this.id, namespace, to, less, flagBits(flags), text, attachments, flags.key);
  }

  /** To one socket. */
  send(socket: number, type: typeof EVENT | typeof ACK, id: number | null, flags: number, args: unknown[]): void {
    const { text, attachments } = encode(args);
    this.native.send(this.id, socket, type, id, flags, text, attachments);
  }

  /** Flushes and closes every connection; resolves to the native side's report. Idempotent. */
  close(): Promise<string> {
    this.#closed ??= new Promise((resolve) => {
      const { shutdownTimeout } = this.options;
      // This timer also keeps the process alive until the answer is there.
      const timer = setTimeout(() => this.#finish?.(this.#report ?? '{"timedOut":true}'), shutdownTimeout + GRACE);
      this.#finish = (report) => {
        this.#finish = undefined;
        clearTimeout(timer);
        this.#release();
        resolve(report);
      };
      this.native.closeServer(this.id, shutdownTimeout);
    });
    return this.#closed;
  }

  /** The native side is closed. What clients have said before is still handled, as long as there is time. */
  #nativeClosed(report: string): void {
    this.#report = report;
    this.#inbox.whenEmpty(() => this.#finish?.(report));
  }

  /**
   * Closes the native side, and then the HTTP server: only then, as polling clients fetch what waits for them by new requests. Gives the
   * error of a server that was not running.
   */
  async closeWith(server: HttpServer | HttpsServer): Promise<Error | undefined> {
    // Who asks while it waits for its last requests gets an answer.
    const undo = claim(server, this.options.path, {
      request: (_, response) => unavailable(response),
      upgrade: (_, socket) => refuse(socket),
    });
    await this.close();
    const error = await new Promise<Error | undefined>((resolve) => server.close(resolve));
    undo();
    return error;
  }

  /** The same as `close`, blocking, for the exit of the process. */
  closeAtExit(): void {
    if (!this.closing && this.#targets.length > 0 && this.polling.gather()) {
      handOver(this.native, this.id, (server) =>
        this.#targets.some((one) => one === server || one === HttpServer.prototype),
      );
    }
    this.closeNow();
  }

  /** The same, to give way to another server. */
  closeNow(deadline = this.options.shutdownTimeout): void {
    this.#closed ??= Promise.resolve("{}");
    this.native.closeServerSync(this.id, deadline);
    // The last answers to polling clients: nobody calls us for them any more, and a socket writes at once.
    for (const event of this.native.drainInbox(this.id)) if (event.kind === "response") this.polling.respond(event);
    if (this.#finish) this.#finish("{}");
    else this.#release();
  }

  #roomEvent(text = "{}"): void {
    const { nsp, room, active } = JSON.parse(text) as { nsp: string; room: string; active: boolean };
    if (nsp === "/") this.onRoom(room, active);
  }

  #release(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.polling.end();
    this.hooks.clear();
    this.asking.close();
    releaseFromExit(this);
    for (const callback of this.onClosed.splice(0)) callback();
  }
}

const engines = new WeakMap<object, Engine>();

/** The open engine of a `Server`. */
export function engineOf(server: object): Engine | undefined {
  return engines.get(server);
}

/** Sets or removes it. */
export function setEngine(server: object, engine: Engine | undefined): void {
  if (engine) engines.set(server, engine);
  else engines.delete(server);
}
