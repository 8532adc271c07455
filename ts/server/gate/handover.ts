// The end of the process: Node reads from no socket any more, but polling clients are on their way to fetch what waits for
// them. So its ports, and the connections that it accepted last, are given to the native side.

import { Server as HttpServer } from "node:http";
import { Socket } from "node:net";
import type { Native } from "../process/binding.js";

/** What Node does not document. */
type Handled = { _handle?: { fd?: number } | null };
type Accepted = Socket & Handled & { server?: unknown; encrypted?: boolean; _httpMessage?: unknown };

/** Gives the ports of those HTTP servers away that `serves` names, and their connections without a request. */
export function handOver(native: Native, id: number, serves: (server: HttpServer) => boolean): void {
  const { _getActiveHandles: active } = process as { _getActiveHandles?(): unknown[] };
  const listening: number[] = [];
  const accepted: number[] = [];
  const given: Socket[] = [];
  for (const one of active?.call(process) ?? []) {
    const fd = descriptor(one as Handled);
    if (fd === undefined) continue;
    if (one instanceof HttpServer) {
      if (serves(one)) listening.push(fd);
    } else if (one instanceof Socket) {
      const { server, encrypted, _httpMessage: response } = one as Accepted;
      if (!(server instanceof HttpServer) || !serves(server) || encrypted || response) continue;
      accepted.push(fd);
      given.push(one);
    }
  }
  if (listening.length + accepted.length === 0) return;
  try {
    native.takePorts(id, listening, accepted);
    for (const socket of given) socket.destroy();
  } catch {
    // No descriptor is left, or this is Windows: who asks again finds nobody.
  }
}

function descriptor({ _handle: handle }: Handled): number | undefined {
  const isTcp = handle?.constructor.name === "TCP" && typeof handle.fd === "number" && handle.fd >= 0;
  return isTcp ? handle.fd : undefined;
}
