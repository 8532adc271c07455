// The adapters of other packages, as far as types need to know them: rooms live in Rust here, so that each is refused by name.

import type { Any } from "./typed-events.js";

/** What every adapter of Socket.IO has. */
export interface ForeignAdapter {
  rooms: Map<string, Set<string>>;
  sids: Map<string, Set<string>>;
  close(): Promise<void> | void;
}

/** What `createAdapter(…)` of such a package gives, or the class of an adapter. */
export type AdapterConstructor = (new (nsp: Any) => ForeignAdapter) | ((nsp: Any) => ForeignAdapter);
