// One attack in a process of its own. argv: its name, the port, seconds, the number of half-open connections, its niceness.

import { setPriority } from "node:os";
import { ATTACKS } from "./attacks.mjs";
import { Attacker } from "./wire.mjs";

const [name, port, seconds, halfOpen, niceness] = process.argv.slice(2);
setPriority(Number(niceness));
const { addresses, run } = ATTACKS[name];
const network = Object.keys(ATTACKS).indexOf(name) + 1;
const attacker = new Attacker(
  Number(port),
  Array.from({ length: addresses }, (_, i) => `127.0.${network}.${i + 1}`),
  Number(seconds),
);
attacker.halfOpen = Number(halfOpen);
setTimeout(() => process.exit(1), Number(seconds) * 1000 + 120_000).unref();
const load = await run(attacker);
attacker.close();
process.send({ load });
process.disconnect();
