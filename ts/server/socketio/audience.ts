// Whom a BroadcastOperator emits to, and how: what a namespace is to it.

import type { EmitFlags } from "../engine/flags.js";
import type { Any } from "../options/typed-events.js";
import type { Socket } from "./socket.js";

export interface Audience {
  readonly name: string;
  /** The Socket.IO server that it is of. */
  readonly server: object;
  /** Emits to the sockets that are in one of `rooms` (all if empty) and in none of `except`. @internal */
  _broadcast(rooms: string[], except: string[], flags: EmitFlags, args: unknown[]): void;
  /** Those of them that JavaScript knows; without `rooms` all. @internal */
  _fetch(rooms: readonly string[] | undefined, except: readonly string[]): Array<Socket<Any, Any, Any, Any>>;
}
