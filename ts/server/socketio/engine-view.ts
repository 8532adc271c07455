// Socket.IO's `io.engine`, as far as it is supported.

import { refuseMembers } from "../process/errors.js";

export class EngineView {
  readonly #stats: () => string | undefined;

  /** `stats` gives the native side's counters as JSON, or nothing when the server is not open. */
  constructor(stats: () => string | undefined) {
    this.#stats = stats;
  }

  /** Connections that are open now. */
  get clientsCount(): number {
    const { connections } = JSON.parse(this.#stats() ?? "{}") as {
      connections?: { polling: number; websocket: number };
    };
    return connections ? connections.polling + connections.websocket : 0;
  }
}

const native = "the engine is part of the native server";
refuseMembers(EngineView.prototype, "io.engine", {
  clients: native,
  opts: native,
  generateId: native,
  use: native,
  on: native,
  once: native,
  off: native,
  addListener: native,
  removeListener: native,
  emit: native,
  attach: "use io.attach",
  close: "use io.close",
  handleRequest: native,
  handleUpgrade: native,
});
