// How WebSockets are taken from this Node: runs the self-test of the server.

import { testTakeover, verdict } from "../../server/gate/selftest.js";
import { binding } from "../../server/process/binding.js";
import { type Check, note, ok } from "./check.js";

const NAME = "WebSockets";
const PIPED =
  "everything works, at a higher cost; stats().takeover tells of a running server. Please report the version";

/** Nothing to say without a native binary, which is another check's. */
export async function checkTakeover(): Promise<Check[]> {
  // The test does not keep the process.
  const alive = setInterval(() => {}, 1000);
  try {
    await testTakeover(binding());
  } catch {
    return [];
  } finally {
    clearInterval(alive);
  }
  const { state, reason } = verdict();
  if (state === "works") return [ok(NAME, "taken over from Node's HTTP server")];
  if (state === "piped") return [note(NAME, `piped through Node: they cannot be taken over (${reason})`, PIPED)];
  return [
    note(NAME, `refused: they cannot be taken from this runtime (${reason})`, "clients stay on HTTP long-polling"),
  ];
}
