// One native server and its ways in: HTTP servers it shares the port of, or a port of its own. It passes the inbox on.

import type { EventEmitter } from "node:events";
import { Server as HttpServer } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { InboxEvent } from "../../native.js";
import { encode } from "./binary.js";
import { binding, type Native } from "./binding.js";
import { raise } from "./handler-errors.js";
import { claim, type Handlers, hearUpgrades } from "./intercept.js";
import { log } from "./logger.js";
import type { ParsedOptions } from "./option-table.js";
import { Polling } from "./polling.js";
import { roomChanged } from "./producers.js";
import { testTakeover } from "./selftest.js";
import { keepUntilExit, releaseFromExit } from "./shutdown.js";
import { type EmitFlags, flagBits } from "./socket-types.js";
import { handleUpgrade } from "./upgrade.js";

/** Types of packets to one socket. */
export const EVENT = 2;
export const ACK = 3;

/** Time that the native side may take beyond its deadline before it is given up, in ms. */
const GRACE = 1000;

export class Engine {
  readonly native: Native;
  readonly id: number;
  readonly options: ParsedOptions;
  readonly polling: Polling;
  readonly #undo: Array<() => void> = [];
  /** Called when nothing more will come. */
  readonly onClosed: Array<() => void> = [];
  #closed: Promise<string> | undefined;
  #finish: ((report: string) => void) | undefined;

  /** Opens the native server. `sink` gets every inbox event except those that concern HTTP and closing. */
  constructor(options: ParsedOptions, sink: (event: InboxEvent) => void) {
    this.options = options;
    this.native = binding();
    this.polling = new Polling(this);
    this.id = this.native.openServer(options.native, (events) => {
      for (const event of events) {
        // One handler that throws must not cost the others their events.
        try {
          if (event.kind === "response") this.polling.respond(event);
          else if (event.kind === "closed") this.#finish?.(event.text ?? "{}");
          else if (event.kind === "room") roomEvent(event.text);
          else if (event.kind === "log") log(options.logger, event.text);
          else sink(event);
        } catch (error) {
          raise(error);
        }
      }
    });
    keepUntilExit(this);
  }

  get closing(): boolean {
    return this.#closed !== undefined;
  }

  /** Shares the port of one HTTP server, until that closes. */
  attach(server: EventEmitter): void {
    this.#claim(server);
    hearUpgrades(server as HttpServer);
    const onClose = () => void this.close();
    server.once("close", onClose);
    this.#undo.push(() => server.off("close", onClose));
  }

  /** Shares the port of every HTTP server of this process. */
  attachToAll(): void {
    this.#claim(HttpServer.prototype);
    this.#claim(HttpsServer.prototype);
  }

  #claim(target: EventEmitter): void {
    testTakeover(this.native);
    const handlers: Handlers = {
      request: (request, response) => this.polling.handle(request, response),
      upgrade: (request, socket, head) => handleUpgrade(this, request, socket, head),
    };
    this.#undo.push(claim(target, this.options.path, handlers));
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
      const timer = setTimeout(() => this.#finish?.('{"timedOut":true}'), shutdownTimeout + GRACE);
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

  /** The same, blocking: for the exit of the process, or to give way to another server. */
  closeNow(deadline = this.options.shutdownTimeout): void {
    this.native.closeServerSync(this.id, deadline);
    // The last answers to polling clients: nobody calls us for them any more, and a socket writes at once.
    for (const event of this.native.drainInbox(this.id)) if (event.kind === "response") this.polling.respond(event);
    this.#closed ??= Promise.resolve("{}");
    if (this.#finish) this.#finish("{}");
    else this.#release();
  }

  #release(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.polling.end();
    releaseFromExit(this);
    for (const callback of this.onClosed.splice(0)) callback();
  }
}

function roomEvent(text = "{}"): void {
  const { nsp, room, active } = JSON.parse(text) as { nsp: string; room: string; active: boolean };
  if (nsp === "/") roomChanged(room, active);
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
