// A client for whom exactly as much waits as may: the next packet, however small, does not fit.
import type { Attached } from "./nself.js";
import { PollingSession } from "./raw.js";
import { MAX_OUTBOX } from "./slow.js";

const PATH = "/api/ws/";

/** A polling client in these namespaces, `/` first. It has read everything, and asks for no more. */
export async function quiet({ port }: Attached, namespaces: string[], auth = {}): Promise<PollingSession> {
  const session = await PollingSession.open(port, { path: PATH });
  for (const nsp of namespaces) {
    const answer = await session.join(nsp, JSON.stringify(auth));
    if (!answer.startsWith("40")) throw new Error(`not let in: ${answer}`);
  }
  return session;
}

/** What a packet counts for beside its bytes: src/hub/run.rs. */
const OVERHEAD = 64;

/** Fills the outboxes of all clients that have read everything, with emits to `/`: no packet more fits. */
export function fill({ server }: Attached): void {
  const io = server.getIO();
  let left = MAX_OUTBOX;
  const emit = (size: number) => {
    const before = server.stats().waiting.largest;
    io.emit("e", "x".repeat(size));
    const cost = server.stats().waiting.largest - before + OVERHEAD;
    left -= cost;
    return cost;
  };
  const least = emit(0);
  while (left > 1300) emit(1000);
  while (left >= 2 * least) emit(0);
  emit(left - least);
  if (left !== 0) throw new Error(`${left} bytes are left`);
}
