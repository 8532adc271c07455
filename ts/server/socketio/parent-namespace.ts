// A namespace without a name of its own: namespaces are made after it when clients ask for them.

import type { Answered } from "../engine/asking.js";
import { engineOf } from "../engine/engine.js";
import type { EmitFlags } from "../engine/flags.js";
import type { Any, DefaultEventsMap, EventNamesWithoutAck, EventParams, EventsMap } from "../options/typed-events.js";
import { acrossCopies } from "../process/across-copies.js";
import { Namespace } from "./namespace.js";
import type { RemoteSocket } from "./remote-socket.js";
import type { Server } from "./server.js";

let count = 0;

/** Longest time between two looks at whether an empty namespace can go, in ms. */
const LOOK = 1000;

/** What `io.of(expression)` and `io.of(function)` give: middleware and listeners for the namespaces made after it, its children. */
export class ParentNamespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = Any,
> extends Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  readonly children = new Set<Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>();

  constructor(server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) {
    super(server, `/_${count++}`);
  }

  /** Emits to every socket of every child; always true. */
  override emit<E extends EventNamesWithoutAck<EmitEvents>>(event: E, ...args: EventParams<EmitEvents, E>): boolean {
    for (const child of this.children) child.emit(event, ...args);
    return true;
  }

  /** Throws, as in Socket.IO: which namespaces belong to it is known for one server only. */
  override fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    throw new Error("fetchSockets() is not supported on parent namespaces");
  }

  /** Makes a child. @internal */
  _child(name: string): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const child = new Namespace(this.server, name);
    this._handOn(child);
    this.children.add(child);
    return child;
  }

  /** Has a child go when its last socket has gone; `gone` is called then. @internal */
  _tidy(child: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, gone: () => void): void {
    let looking = false;
    const look = (wait: number) => {
      looking = false;
      const engine = engineOf(this.server);
      if (!engine || child.sockets.size > 0 || !this.children.has(child)) return;
      if (engine.native.forgetNamespace(engine.id, child.name)) {
        this.children.delete(child);
        gone();
        return;
      }
      // Somebody is on the way in, or may come back to it.
      looking = true;
      setTimeout(look, wait, Math.min(2 * wait, LOOK)).unref();
    };
    child._onEmpty = () => {
      if (!looking) look(10);
    };
  }

  /** It has no sockets, and clients cannot name it. @internal */
  override _declare(): void {}

  /** @internal */
  override _broadcast(rooms: string[], except: string[], flags: EmitFlags, args: unknown[]): void {
    for (const child of this.children) child._broadcast(rooms, except, flags, args);
  }

  /** @internal */
  override _ask(rooms: string[], except: string[], flags: EmitFlags, args: unknown[], done: Answered): void {
    let left = this.children.size;
    let all = true;
    const answers: unknown[] = [];
    if (left === 0) process.nextTick(done, true, answers);
    for (const child of this.children) {
      child._ask(rooms, except, flags, args, (whole, some) => {
        all &&= whole;
        answers.push(...some);
        if (--left === 0) done(all, answers);
      });
    }
  }
}

acrossCopies(ParentNamespace, "ParentNamespace");
