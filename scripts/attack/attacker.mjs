// One attack in a process of its own. argv: its name, the port, seconds, the number of half-open connections.

import { setPriority } from "node:os";
import { ATTACKS } from "./attacks.mjs";
import { Attacker } from "./wire.mjs";

const [name, port, seconds, halfOpen] = process.argv.slice(2);
// Attackers have machines of their own; this one must not compete with those whom it attacks for the processor.
setPriority(10);
const { addresses, run } = ATTACKS[name];
const network = Object.keys(ATTACKS).indexOf(name) + 1;
const attacker = new Attacker(
  Number(port),
  Array.from({ length: addresses }, (_, i) => `127.0.${network}.${i + 1}`),
  Number(seconds),
);
attacker.halfOpen = Number(halfOpen);
setTimeout(() => process.exit(1), Number(seconds) * 1000 + 10_000).unref();
const load = await run(attacker);
attacker.close();
process.send({ load });
process.disconnect();
