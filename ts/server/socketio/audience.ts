// Whom a BroadcastOperator emits to, and how: what a namespace is to it.

import type { Answered } from "../engine/asking.js";
import type { EmitFlags } from "../engine/flags.js";
import type { Any } from "../options/typed-events.js";
import type { RemoteSocket } from "./remote-socket.js";

export interface Audience {
  readonly name: string;
  /** The Socket.IO server that it is of. */
  readonly server: object;
  /** Emits to the sockets that are in one of `rooms` (all if empty) and in none of `except`. @internal */
  _broadcast(rooms: string[], except: string[], flags: EmitFlags, args: unknown[]): void;
  /** The same, and asks them for acknowledgements. @internal */
  _ask(rooms: string[], except: string[], flags: EmitFlags, args: unknown[], done: Answered): void;
  /** These sockets. @internal */
  _fetch(rooms: string[], except: string[]): RemoteSocket<Any, Any>[];
  /** The ids of these sockets. @internal */
  _ids(rooms: string[], except: string[]): string[];
}
