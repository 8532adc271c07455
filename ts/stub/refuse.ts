// What the server's entry points give where there is no Node: at the edge (`edge-light`, `workerd`) and in browsers. Each
// name is there, so that bundlers find it, and says what to do when it is used.

import { RealtimeError } from "../server/process/errors.js";

const edge = () => process.env.NEXT_RUNTIME === "edge";

function refuse(entry: string, name: string): never {
  const where = edge() ? "at the edge" : "here";
  throw new RealtimeError(
    "ERR_NOT_NODE",
    `${name} of "${entry}" cannot run ${where}: the real-time server is native code and needs Node. In a client component import from ` +
      '"nself-realtime/client" or "nself-realtime/react". In a route handler remove `export const runtime = "edge"`. In middleware send the ' +
      "event from a route handler instead.",
  );
}

/** A function that may also be called with `new`, and throws ERR_NOT_NODE. */
export function refused(entry: string, name: string): unknown {
  return function refusedHere() {
    refuse(entry, name);
  };
}

/** `register` of instrumentation.ts: Next runs that file at the edge as well, where there is nothing to start. */
export function registerNothing(entry: string, name: string): void {
  if (!edge()) refuse(entry, name);
}
